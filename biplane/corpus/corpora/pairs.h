#pragma once

#include <filesystem>
#include <string>

#include "biplane/corpus/corpora/corpus.h"

namespace biplane {

// Which columns of a CSV hold what. An empty name: not used. A name that the user gave must exist;
// a default that does not exist is done without, except frontal and report.
struct PairsColumns {
  std::string frontal, lateral, report, study, patient, labels;
};

// Options of `prepare pairs` (data.md section 2, row "pairs"); without `csv`: root/studies.csv.
struct PairsOptions : PrepareOptions {
  PairsColumns
      columns;  // as the user gave them; empty: the default, or Path_frontal, Path_lateral, Report
};

// Reads the CSV: one row is a frontal image with, perhaps, a lateral and a report; rows of one
// study id are one study, and its distinct images become its views. Every image is decoded once; a
// missing or broken one is counted and left out, a study without any image or without a report
// likewise. An image of the frontal column is PA unless the column
// `<frontal>_view` ("frontal_view") holds the word AP. Labels are split at ';', ',' and '|' and
// mean 1 (present). Throws Error: kMissingInput (no CSV, no root), kUsage (a column that the user
// named does not exist: names the nearest one; wrong root: none of the images is there),
// kBadContent (no rows, or no frontal or report column).
//
// Studies whose image paths hold MIMIC's folders (p10000032/s50414267) take patient and study from
// there when no column names them; else the study is named by its frontal's path.
PreparedCorpus prepare_pairs(const PairsOptions& options);

}  // namespace biplane
