#pragma once

#include <string>
#include <vector>

#include "biplane/eval/metrics.h"

namespace biplane {

// Where a score decides, and what it means as a probability: both chosen on studies that are not
// measured.

// A score of `threshold` or more is positive.
struct OperatingPoint {
  std::string name;  // youden, sensitivity>=0.9, specificity>=0.9
  double threshold = 0;
};

// Of the points below, in their order.
std::vector<std::string> operating_point_names(Values at_sensitivity, Values at_specificity);

// Youden's point; the highest threshold that reaches each sensitivity; the lowest that reaches each
// specificity (just above all scores where none of them does). Thresholds are scores that occur.
// Empty with one class only. Throws Error kUsage for a share outside (0, 1].
std::vector<OperatingPoint> choose_operating_points(Values score, Flags positive,
                                                    Values at_sensitivity, Values at_specificity);

// Probability of a score by a logistic curve.
struct PlattScaling {
  double slope = 0, intercept = 0;
  double probability(double score) const;
};

// Fitted by Newton's method to targets that are a little inside 0 and 1 (Platt 1999, as corrected
// by Lin, Lin and Weng 2007). Deterministic. Throws Error kUsage with one class only.
PlattScaling fit_platt(Values score, Flags positive);

// Reliability of probabilities: x = mean probability, y = share of positives, of each of 15 bins of
// equal width that holds any (those of ece15).
std::vector<CurvePoint> reliability_curve(Values probability, Flags positive);

}  // namespace biplane
