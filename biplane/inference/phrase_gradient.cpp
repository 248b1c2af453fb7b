#include "biplane/inference/phrase_gradient.h"

#include <cmath>

#include "biplane/inference/tensor_image.h"
#include "biplane/model/losses.h"

namespace biplane {
namespace {

constexpr double kBlur = 1.0 / 32.0;  // of the side
constexpr double kBlurReach = 3.0;    // standard deviations

// maps (P,H,W), their edges mirrored.
torch::Tensor smoothed(const torch::Tensor& maps) {
  const double sigma = kBlur * static_cast<double>(maps.size(2));
  const auto reach = static_cast<std::int64_t>(std::ceil(kBlurReach * sigma));
  const torch::Tensor places = torch::arange(-reach, reach + 1, maps.options());
  torch::Tensor kernel = at::exp(places.square() * (-0.5 / (sigma * sigma)));
  kernel = kernel / kernel.sum();
  torch::Tensor x = at::reflection_pad2d(maps.unsqueeze(1), {reach, reach, reach, reach});
  x = at::conv2d(x, kernel.view({1, 1, 1, -1}));
  return at::conv2d(x, kernel.view({1, 1, -1, 1})).squeeze(1);
}

}  // namespace

torch::Tensor pixel_shares(const MultiviewModel& model, const torch::Tensor& plane, bool lateral,
                           const torch::Tensor& phrases) {
  TORCH_CHECK(plane.dim() == 4 && plane.size(0) == 1 && plane.size(1) == 1,
              "one grey plane is expected, (1,1,H,W), not ", plane.sizes());
  TORCH_CHECK(phrases.dim() == 2 && phrases.size(0) > 0, "phrases must be (P,D), not ",
              phrases.sizes());
  const torch::AutoGradMode gradients(true);
  const torch::Tensor blank = plane.mean(), change = plane - blank;
  std::vector<torch::Tensor> sums(static_cast<std::size_t>(phrases.size(0)));
  // A step at a time: the graph of one image is what has to fit into memory.
  for (std::int64_t step = 0; step < kGradientSteps; ++step) {
    const double way = (static_cast<double>(step) + 0.5) / static_cast<double>(kGradientSteps);
    const torch::Tensor shown = (blank + way * change).detach().requires_grad_();
    const torch::Tensor pixels = shown.expand({1, 3, plane.size(2), plane.size(3)});
    const ViewFeatures view = lateral ? model.encode_lateral(pixels) : model.encode_frontal(pixels);
    const torch::Tensor cosines = phrases.matmul(unit(view.global[0]));
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const torch::Tensor gradient =
          torch::autograd::grad({cosines[static_cast<std::int64_t>(i)]}, {shown}, {},
                                /*retain_graph=*/i + 1 < sums.size())[0];
      sums[i] = sums[i].defined() ? sums[i] + gradient : gradient;
    }
  }
  return at::stack(sums).view({phrases.size(0), plane.size(2), plane.size(3)}) *
         change.view({1, plane.size(2), plane.size(3)}) / static_cast<double>(kGradientSteps);
}

std::vector<FloatImage> gradient_maps(const MultiviewModel& model, const FloatImage& image,
                                      bool lateral, const torch::Tensor& phrases) {
  const torch::Tensor shares = pixel_shares(model, grey_plane(image), lateral, phrases);
  const torch::NoGradGuard no_grad;
  std::vector<FloatImage> maps;
  for (const torch::Tensor& map : smoothed(shares).clamp_min(0).unbind(0))
    maps.push_back(to_image(map));
  return maps;
}

}  // namespace biplane
