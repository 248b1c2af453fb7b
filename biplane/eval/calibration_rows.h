#pragma once

#include <span>
#include <vector>

#include "biplane/eval/head_predictions.h"
#include "biplane/eval/report_data.h"

namespace biplane {

// What calibration is made of: scores of the studies that are measured and of those that choose.
// `probability` of the predictions may be any score that is high for present findings.
struct CalibrationInput {
  const HeadPredictions& measured;
  const HeadPredictions& choosing;
  std::vector<double> at_sensitivity, at_specificity;
};

struct CalibrationResult {
  std::vector<ResultRow> rows;
  std::vector<FindingReliability> reliability;
};

// Rows of the task calibration with condition = predictions.task: of every class and column ece and
// brier of probabilities by Platt scaling, and sensitivity, specificity, precision and accuracy at
// every operating point (with its threshold); their means over the defined classes (macro). Fitted
// and chosen on `choosing` alone, in the same column. Undefined where that has one class only.
CalibrationResult calibration_rows(const CalibrationInput& input, const BootstrapOptions& bootstrap,
                                   int threads);

}  // namespace biplane
