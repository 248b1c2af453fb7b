#include "biplane/eval/example_images.h"

#include <optional>

#include "biplane/corpus/selection.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {
namespace {

FloatImage read_view(const EvaluationInput& input, const Study& study, bool lateral,
                     const PreprocessOptions& options) {
  const std::optional<std::int64_t> view = first_view(study, lateral);
  if (!view) return {};
  const View& chosen = study.views[static_cast<std::size_t>(*view)];
  const FloatImage fitted = read_fitted_image(input.manifest.image_source(chosen), options);
  const int crop = static_cast<int>(options.crop);
  return crop_image(fitted, centre_crop(fitted.rows, fitted.cols, crop), crop);
}

}  // namespace

FloatImage model_input(const EvaluationInput& input, const Study& study, bool lateral) {
  return read_view(input, study, lateral, input.engine.description().preprocess);
}

GreyImage example_image(const EvaluationInput& input, const Study& study, bool lateral) {
  return to_grey(read_view(input, study, lateral,
                           display_options(input.engine.description().preprocess, kDisplaySide)));
}

}  // namespace biplane
