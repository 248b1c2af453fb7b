#pragma once

#include <vector>

#include "biplane/eval/columns.h"

namespace biplane {

// What knowing the findings of every study would reach: recall and median rank where studies are
// ranked by how well their true findings (true_findings()) and those that the phantom's labeller
// reads in a report (read_findings()) agree; of equal ones chance decides, the same at every call.
// Pools are those of the column `both`, without studies whose findings are not known. Rows of the
// task retrieval with the condition `oracle` and the views `truth`. Only where labels are the
// truth, as the manifest shows by the views in which a finding is seen (the phantom). `columns`: of
// studies that have reports.
void add_oracle_retrieval(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
                          EvaluationOutput& output);

}  // namespace biplane
