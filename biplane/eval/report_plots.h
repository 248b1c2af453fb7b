#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/report_data.h"

namespace biplane {

// Drawings of the report as inline SVG. Colours come from the style sheet: series of column X has
// class "s-X".

// ROC curves in the unit square with the diagonal of chance.
std::string roc_plot(const FindingCurves& finding);

// Precision (up) against recall (across), with the share of positives as the line of chance.
std::string precision_recall_plot(const FindingCurves& finding);

// Reliability curves of one finding in the unit square with the diagonal.
std::string reliability_plot(const FindingReliability& finding);

// One series over training steps; long ones are reduced to means of equal pieces.
std::string learning_plot(const CurveSeries& series);

struct IntervalMark {
  std::string column;  // names the colour
  double value = 0;
  std::optional<double> low, high;
};
// Values with their intervals on a common axis [low, high], one line each; `reference` is a
// vertical line.
struct IntervalAxis {
  double low = 0.4, high = 1.0, reference = 0.5;
};
std::string interval_plot(std::span<const IntervalMark> marks, const IntervalAxis& axis);

// About `count` round numbers that cover [low, high].
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace biplane
