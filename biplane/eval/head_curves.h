#pragma once

#include <vector>

#include "biplane/eval/head_predictions.h"
#include "biplane/eval/report_data.h"

namespace biplane {

// ROC and precision-recall curves of every class of a head, a series a column. Columns over all
// studies stand in only where there is none over the studies with both views.
HeadCurves head_curves(const HeadPredictions& predictions);

// Of a multiclass head, a table a column; of another one nothing.
std::vector<ConfusionTable> head_confusions(const HeadPredictions& predictions);

}  // namespace biplane
