#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "biplane/corpus/corpora/corpus.h"

namespace biplane {

// Where the reports of a table belong: studies by their identifiers, in clear. An accession number
// may stand for several studies.
struct ReportKeys {
  std::unordered_map<std::string, Study*> by_study;
  std::unordered_map<std::string, std::vector<Study*>> by_accession;
};

// Puts the texts of options.reports into Study::report.text and the row into Study::source_file.
// The first text of a study counts. Examples in the funnel name rows, never what is in them. Throws
// Error kMissingInput, kUsage (a column that the user named is not there), kBadContent (no column
// of keys or of texts is found).
void join_reports(const PrepareOptions& options, const ReportKeys& keys, FunnelStage& stage);

}  // namespace biplane
