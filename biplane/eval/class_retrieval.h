#pragma once

#include "biplane/eval/evaluator.h"

namespace biplane {

// Retrieval in which all that shows the same matches: the class where classes exclude each other,
// else the set of findings. Rows of the task retrieval: precision_at_k, and map (mean average
// precision) between images.
//   image_to_image  among all studies of other patients
//   image_to_text, text_to_image  only of exclusive classes, among the reports of the studies that
//                   have one, and among the prompts of all classes (candidates: class_prompts)
// A column that means nothing has one row of map between images without a value.
void add_class_retrieval(const EvaluationInput& input, EvaluationOutput& output);

}  // namespace biplane
