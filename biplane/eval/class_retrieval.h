#pragma once

#include "biplane/eval/evaluator.h"

namespace biplane {

// Retrieval in which all that shows the same matches: the class where classes exclude each other,
// else the set of findings. Rows of the task retrieval: precision_at_k, and map (mean average
// precision) between images.
//   image_to_image  among all studies of other patients
//   image_to_text, text_to_image  only of exclusive classes, among all reports where there are any,
//                   and among the prompts of all classes (candidates: class_prompts)
void add_class_retrieval(const EvaluationInput& input, EvaluationOutput& output);

// Zero-shot accuracy and macro F1 where classes exclude each other: the class of the nearest
// positive prompts. Rows of the task zero_shot with class "all".
void add_exclusive_accuracy(const EvaluationInput& input, EvaluationOutput& output);

}  // namespace biplane
