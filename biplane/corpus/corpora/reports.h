#pragma once

#include "biplane/corpus/study.h"
#include "biplane/text/report.h"

namespace biplane {

// Study::report from the sections of a report, cleaned; indication and comparison are its `other`.
void fill_report(const ReportSections& sections, const Lexicon& lexicon, Report& report);

}  // namespace biplane
