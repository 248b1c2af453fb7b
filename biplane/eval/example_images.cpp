#include "biplane/eval/example_images.h"

#include "biplane/imaging/heatmap.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {

std::optional<std::int64_t> first_view(const Study& study, bool lateral) {
  for (std::size_t i = 0; i < study.views.size(); ++i) {
    const ViewPosition position = study.views[i].view;
    if (lateral ? position == ViewPosition::kLateral : is_frontal(position)) return static_cast<std::int64_t>(i);
  }
  return std::nullopt;
}

FloatImage model_input(const EvaluationInput& input, const Study& study, bool lateral) {
  const std::optional<std::int64_t> view = first_view(study, lateral);
  if (!view) return {};
  const PreprocessOptions& options = input.engine.description().preprocess;
  const View& chosen = study.views[static_cast<std::size_t>(*view)];
  const FloatImage fitted = read_fitted_image(input.manifest.image_path(chosen), options);
  const int crop = static_cast<int>(options.crop);
  return crop_image(fitted, centre_crop(fitted.rows, fitted.cols, crop), crop);
}

GreyImage example_image(const EvaluationInput& input, const Study& study, bool lateral) {
  const FloatImage image = model_input(input, study, lateral);
  if (image.rows == 0) return {};
  if (image.rows > kDisplaySide) return resize_area(to_grey(image), kDisplaySide, kDisplaySide);
  return to_grey(upsample_bilinear(image, kDisplaySide, kDisplaySide));
}

}  // namespace biplane
