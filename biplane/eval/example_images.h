#pragma once

#include <optional>

#include "biplane/corpus/study.h"
#include "biplane/eval/evaluator.h"
#include "biplane/imaging/image.h"

namespace biplane {

// Place in study.views of the image the model sees of this kind: the first. Nothing if there is none.
std::optional<std::int64_t> first_view(const Study& study, bool lateral);

// The image of a study as the model sees it, (crop, crop) in [0, 1]; empty where the study has no such view.
// Throws as read_fitted_image.
FloatImage model_input(const EvaluationInput& input, const Study& study, bool lateral);

// The same for display: kDisplaySide pixels, smoothly enlarged or reduced.
inline constexpr int kDisplaySide = 288;
GreyImage example_image(const EvaluationInput& input, const Study& study, bool lateral);

}  // namespace biplane
