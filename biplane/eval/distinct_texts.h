#pragma once

#include <vector>

#include "biplane/eval/columns.h"

namespace biplane {

// Image to text among all distinct reports, equal ones (report_groups()) once: the protocol of
// CXR-CLIP. Rows of the task retrieval with the candidates distinct_texts, `pool` of them. Of very
// many studies input.most_queries search among all. `columns`: of studies that have reports. A
// column that means nothing has one row of recall_at_10 without a value, one with fewer than two
// texts none.
void add_distinct_texts(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
                        EvaluationOutput& output);

}  // namespace biplane
