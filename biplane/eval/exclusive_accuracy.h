#pragma once

#include "biplane/eval/evaluator.h"

namespace biplane {

// Zero-shot accuracy and macro F1 where classes exclude each other: the class of the nearest
// positive prompts. Rows of the task zero_shot with class "all", without a value for a column that
// means nothing.
void add_exclusive_accuracy(const EvaluationInput& input, EvaluationOutput& output);

}  // namespace biplane
