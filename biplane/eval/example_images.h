#pragma once

#include <cstdint>

#include "biplane/corpus/study.h"
#include "biplane/eval/evaluator.h"
#include "biplane/imaging/image.h"

namespace biplane {

// The image of a study as the model sees it, (crop, crop) in [0, 1]; empty where the study has no
// such view. Throws as read_fitted_image.
FloatImage model_input(const EvaluationInput& input, const Study& study, bool lateral);

// What the model sees, in the resolution of the report: the same part of the image, kDisplaySide
// pixels wide.
inline constexpr std::int64_t kDisplaySide = 288;
GreyImage example_image(const EvaluationInput& input, const Study& study, bool lateral);

}  // namespace biplane
