#pragma once

#include "biplane/eval/evaluator.h"

namespace biplane {

// For every study of counterfactual.jsonl beside the manifest whose original was evaluated: the
// score of the removed finding's prompts (as zero_shot ranks) with the finding less without it, and
// how often it is higher with it, per finding and column. Adds rows, or a note.
void add_counterfactuals(const EvaluationInput& input, EvaluationOutput& output);

}  // namespace biplane
