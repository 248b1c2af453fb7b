#pragma once

#include <string>

#include "biplane/corpus/study.h"
#include "biplane/text/report.h"

namespace biplane {

// Fills findings, impression, other (indication and comparison) and text from the sections of a
// report, cleaned; nothing is added to what they say.
void fill_report(const ReportSections& sections, const Lexicon& lexicon, Report& report,
                 const ReportOptions& options = {});

// Corpus::complete of corpora that are there for their reports.
std::string why_no_report(const Study& study);

}  // namespace biplane
