#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/label_agreement.h"
#include "biplane/corpus/study.h"
#include "biplane/text/labeler.h"

namespace biplane {

class Progress;

// What labels of a study are read from: findings and impression under headers (so that no sentence
// runs from one into the other), or the training text where both are empty.
std::string labelled_text(const Study& study);

// Puts the labels of the study's report into labels_chexpert or labels, as the label file says;
// values that were there for labels of the set are replaced, others stay.
void label_study(const Labeler& labeler, Study& study);

struct ReportLabelOptions {
  std::filesystem::path in, out;  // out empty: nothing is written
  // Of a CSV: the column with the report, and those that name the row and are copied to the output;
  // empty: the first column, unless it is the report.
  std::string report_column;
  std::vector<std::string> id_columns;
  // Compared with what is found, by the first id column or the study_id; may be absent.
  const LabelReference* reference = nullptr;
  LabelAgreement* agreement = nullptr;
  int threads = 1;
  double max_bad = 0.05;         // fraction of bad rows from which on nothing is written
  Progress* progress = nullptr;  // advanced by reports
};

// Labels every row of a CSV; `out` is a CSV of the id columns and one column a label with 1, 0, -1
// or blank, in the order of the rows and written atomically. Rows that cannot be read are counted,
// named and left out; a row without a report has blanks. Memory does not grow with the rows. Throws
// Error: kMissingInput, kIo, kUsage for a column that is not there, kBadContent for more bad rows
// than `max_bad`, no row at all, or a reference that names none of the rows.
Funnel label_csv(const Labeler& labeler, const ReportLabelOptions& options);

// Labels the studies of a manifest; `out` is the manifest with label_study applied. Paths of images
// stay as they are: relative to the folder of the first manifest. Throws Error kUsage where a
// report is in another language than that of the label file.
Funnel label_manifest(const Labeler& labeler, const ReportLabelOptions& options);

}  // namespace biplane
