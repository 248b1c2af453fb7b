#pragma once

#include <vector>

#include "biplane/corpus/corpora/corpus.h"

namespace biplane {

// Fills Study::report of the studies of MIMIC-CXR from p10/p10000032/s50414267.txt, in parallel:
// in options.reports, a folder (or its folder files/) or a zip archive; else in the root's
// mimic-cxr-reports.zip, else its folder mimic-cxr-reports/, else beside the images. A study
// without a report is counted and keeps an empty one. Throws Error: kMissingInput (options.reports
// does not exist), kUsage (no report in it), kBadContent (no zip archive).
void read_mimic_reports(std::vector<Study>& studies, const PrepareOptions& options, Funnel& funnel);

}  // namespace biplane
