#pragma once

#include <vector>

#include "biplane/eval/columns.h"

namespace biplane {

// Recall and median rank, as between all, within pools of studies that have the same number of
// findings and reports of about the same length (draw_hard_pools()): rows of the task retrieval
// with the condition `hard`. A note counts the studies that fill no such pool. `columns`: of
// studies that have reports. Nothing where no label is known.
void add_hard_retrieval(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
                        EvaluationOutput& output);

}  // namespace biplane
