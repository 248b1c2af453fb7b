#pragma once

#include "biplane/eval/evaluator.h"

namespace biplane {

// Retrieval in which all that shows the same matches: the class where classes exclude each other,
// else the set of findings, and where the manifest tells the sides also the set of findings with
// their sides (condition `sides`). Rows of the task retrieval: precision_at_k, and map (mean
// average precision).
//   image_to_image  among all studies of other patients
//   image_to_text, text_to_image  of exclusive classes and of findings with their sides, among the
//                   reports of the studies that have one; of exclusive classes also among the
//                   prompts of all classes (candidates: class_prompts)
// Of very many studies input.most_queries search among all. A column that means nothing has one row
// of map between images without a value.
void add_class_retrieval(const EvaluationInput& input, EvaluationOutput& output);

}  // namespace biplane
