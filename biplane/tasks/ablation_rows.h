#pragma once

#include "biplane/eval/results.h"
#include "biplane/model/package.h"
#include "biplane/tasks/ablation_record.h"

namespace biplane {

// Adds a row of the evaluation to the figures of a line under its name there
// (ablation_metrics.h); rows that a line does not keep, and figures of views that the model was not
// trained with, are left out.
void add_result_row(const ResultRow& row, const ModelProvenance& provenance,
                    AblationRecord& record);

}  // namespace biplane
