#pragma once

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/metrics.h"

namespace biplane {

// AUROC of every repeat: what ranked.auroc() gives for the repeat's weights, bit by bit, many
// repeats in one pass. `known`: 0 for rows that do not count, else 1; empty: all count. Throws
// Error kUsage where the rows are not those of the bootstrap.
Replicates auroc_replicates(const RankedScores& ranked, const PatientBootstrap& bootstrap,
                            Values known = {});

}  // namespace biplane
