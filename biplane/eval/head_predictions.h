#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/multiclass_metrics.h"
#include "biplane/eval/results.h"

namespace biplane {

// What a classifier's head says of studies, as plain numbers: enough for all its figures, for their
// intervals, and to compare it study by study with another one.

// One column of the tables: what the head was shown of which studies.
struct PredictedColumn {
  std::string views;       // frontal, lateral, both, lateral_missing
  std::string population;  // empty: studies with both views; "all": every study with what it needs
  std::string note;        // why it means nothing; then there are no rows
  std::vector<std::string> studies, patients;
  std::vector<double> probability;  // (rows, classes) row by row
  std::vector<double> truth;        // (rows, classes): 1, 0, NaN where nothing is known
};

// The rows of one class whose label is known.
struct ClassRows {
  std::vector<double> probability;
  std::vector<std::uint8_t> positive;
  std::vector<std::int64_t> rows;  // of the column
  std::int64_t positives = 0;
  bool both_kinds() const { return positives > 0 && positives < n(); }
  std::int64_t n() const { return static_cast<std::int64_t>(rows.size()); }
};

// `of`: the class.
ClassRows class_rows(const PredictedColumn& column, std::size_t of, std::size_t classes);

// Why what ranks these rows is undefined; empty where it is defined.
std::string undefined_note(const ClassRows& known);

// Of the weights of a column's rows those of these rows.
std::vector<double> weights_of(std::span<const double> column,
                               const std::vector<std::int64_t>& rows);

// Rows of a column that are of one class, with all their probabilities.
struct MulticlassRows {
  std::vector<std::int64_t> rows;
  std::unique_ptr<MulticlassScores> scores;  // null without rows
};
MulticlassRows multiclass_rows(const PredictedColumn& column, std::size_t classes);

struct HeadPredictions {
  std::string task;  // linear, finetune
  std::string kind;  // multilabel, multiclass
  std::vector<std::string> classes;
  std::vector<double> thresholds;  // of each class; multilabel only
  std::vector<PredictedColumn> columns;
};

// As JSON lines: the head, then a line a study and column. Numbers come back as they were. Throws
// Error kIo.
void write_predictions(const std::filesystem::path& file, const HeadPredictions& predictions);

// Throws Error kMissingInput, kIo, and kBadContent naming file and line.
HeadPredictions read_predictions(const std::filesystem::path& file);

// The rows of results.jsonl without corpus and split. Of each class of a multilabel head: auroc,
// average_precision, ece, brier, and accuracy and f1_macro at its threshold; their means over the
// defined classes (macro). Of a multiclass head: auroc and average_precision of each class against
// the others and their means; accuracy, f1_macro (over all classes), ece and brier of all.
// Rows without known labels are left out of their class.
std::vector<ResultRow> head_rows(const HeadPredictions& predictions,
                                 const BootstrapOptions& bootstrap, int threads);

// Threshold of each class of a multilabel head that Youden's index finds on these rows (of the
// studies that select, never of the test): 0.5 where it is undefined or tells nothing.
std::vector<double> youden_thresholds(const PredictedColumn& column, std::size_t classes);

// What a run is selected by: the macro AUROC, or the accuracy of a multiclass head. Nothing where
// no class is defined.
std::optional<double> selection_metric(const PredictedColumn& column, const std::string& kind,
                                       std::size_t classes);

}  // namespace biplane
