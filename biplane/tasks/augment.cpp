#include "biplane/tasks/augment.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>

#include <cmath>
#include <vector>

namespace biplane {
namespace {

constexpr int kTries = 10;

// plane (1,1,H,W) -> (1,1,side,side).
torch::Tensor augment_plane(torch::Tensor plane, const AugmentConfig& config, std::int64_t side,
                            CounterRandom& random) {
  if (!config.crop_scale.empty()) {
    const CropBox box = random_resized_crop(plane.size(2), plane.size(3), config, random);
    plane = plane.narrow(2, box.top, box.height).narrow(3, box.left, box.width);
    plane = at::_upsample_bilinear2d_aa(plane.contiguous(), {side, side}, /*align_corners=*/false);
  }
  return random.bernoulli(config.flip) ? plane.flip(3) : plane;
}

torch::Tensor augment_pixels(const torch::Tensor& pixels, const StudyBatch& batch, const char* view,
                             const AugmentConfig& config, std::int64_t side, std::uint64_t seed,
                             std::int64_t epoch) {
  std::vector<torch::Tensor> planes;
  const torch::Tensor numbers = batch.study_index.to(torch::kCPU);  // at once, not one by one
  for (std::int64_t row = 0; row < pixels.size(0); ++row) {
    CounterRandom random(seed, view,
                         {static_cast<std::uint64_t>(epoch),
                          static_cast<std::uint64_t>(numbers[row].item<std::int64_t>())});
    planes.push_back(augment_plane(pixels.narrow(0, row, 1).narrow(1, 0, 1), config, side, random));
  }
  return torch::cat(planes).expand({-1, pixels.size(1), -1, -1});
}

}  // namespace

CropBox random_resized_crop(std::int64_t height, std::int64_t width, const AugmentConfig& config,
                            CounterRandom& random) {
  const auto area = static_cast<double>(height * width);
  const double log_ratio = std::log(config.crop_ratio);
  for (int i = 0; i < kTries; ++i) {
    const double wanted = area * random.uniform(config.crop_scale[0], config.crop_scale[1]);
    const double ratio = std::exp(random.uniform(-log_ratio, log_ratio));
    const std::int64_t w = std::llround(std::sqrt(wanted * ratio)),
                       h = std::llround(std::sqrt(wanted / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const std::int64_t top = random.below(height - h + 1), left = random.below(width - w + 1);
    return {top, left, h, w};
  }
  return {0, 0, height, width};
}

PreprocessOptions augmented_reading(PreprocessOptions image, const AugmentConfig& config) {
  if (!config.crop_scale.empty()) image.crop = image.size;
  return image;
}

void augment_views(StudyBatch& batch, const AugmentConfig& config, std::int64_t side,
                   std::uint64_t seed, std::int64_t epoch) {
  if (config.crop_scale.empty() && config.flip <= 0) return;
  const torch::NoGradGuard no_grad;
  batch.frontal =
      augment_pixels(batch.frontal, batch, "augment frontal", config, side, seed, epoch);
  batch.lateral =
      augment_pixels(batch.lateral, batch, "augment lateral", config, side, seed, epoch);
}

}  // namespace biplane
