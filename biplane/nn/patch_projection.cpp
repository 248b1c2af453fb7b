#include "biplane/nn/patch_projection.h"

#include <cmath>

#include "biplane/core/error.h"

namespace biplane {
namespace {

torch::Tensor channel_values(const std::vector<double>& values) {
  std::vector<double> three =
      values.size() == 1 ? std::vector<double>(kPixelChannels, values[0]) : values;
  return torch::tensor(three, torch::kFloat64).to(torch::kFloat32);
}

torch::Tensor per_channel(const torch::Tensor& values) {
  return values.view({1, kPixelChannels, 1, 1});
}

std::int64_t round_up(std::int64_t size, std::int64_t step) {
  return (size + step - 1) / step * step;
}

}  // namespace

PixelStatistics PixelStatistics::of(const std::vector<double>& mean,
                                    const std::vector<double>& std) {
  return {channel_values(mean), channel_values(std)};
}

void check_pixel_statistics(const std::vector<double>& mean, const std::vector<double>& std,
                            const std::string& key) {
  for (const auto* values : {&mean, &std}) {
    if (values->size() != 1 && values->size() != kPixelChannels)
      throw Error(ErrorKind::kUsage, key + ".mean and .std: need one value or three");
    for (const double value : *values) {
      if (!std::isfinite(value))
        throw Error(ErrorKind::kUsage, key + ".mean and .std: must be finite");
    }
  }
  for (const double value : std) {
    if (!(value > 0.0)) throw Error(ErrorKind::kUsage, key + ".std: must be positive");
  }
}

void check_pixels(const torch::Tensor& pixels) {
  TORCH_CHECK(pixels.dim() == 4 && pixels.size(1) == kPixelChannels,
              "pixels must be (B,3,H,W), not ", pixels.sizes());
}

torch::Tensor project_patches(const torch::Tensor& pixels, const torch::Tensor& weight,
                              const torch::Tensor& bias, const PixelStatistics& statistics) {
  const std::int64_t width = weight.size(0), side = weight.size(2);
  const std::int64_t rows = pixels.size(2) / side, columns = pixels.size(3) / side;
  // W (x - mean) / std = (W / std) x - sum (W / std) mean.
  torch::Tensor kernel = weight / per_channel(statistics.std);
  torch::Tensor offset = (kernel * per_channel(statistics.mean)).sum({1, 2, 3}).neg();
  if (bias.defined()) offset = offset + bias;
  torch::Tensor image = pixels;
  if (pixels.stride(1) ==
      0) {  // one grey plane shown three times: sum the kernel, read the plane once
    image = pixels.narrow(1, 0, 1);
    kernel = kernel.sum(1, true);
  }
  const std::int64_t channels = image.size(1);
  const torch::Tensor cut = image.reshape({image.size(0), channels, rows, side, columns, side})
                                .permute({0, 2, 4, 1, 3, 5})
                                .reshape({image.size(0), rows * columns, channels * side * side});
  return at::linear(cut, kernel.reshape({width, channels * side * side}), offset);
}

torch::Tensor pad_to_patches(const torch::Tensor& pixels, std::int64_t side,
                             const PixelStatistics& statistics) {
  const std::int64_t height = pixels.size(2), width = pixels.size(3);
  const std::int64_t right = round_up(width, side) - width,
                     bottom = round_up(height, side) - height;
  if (right == 0 && bottom == 0) return pixels;
  const torch::Tensor mean = per_channel(statistics.mean).to(pixels.scalar_type());
  const auto fill = [&](std::int64_t rows, std::int64_t columns) {
    return mean.expand({pixels.size(0), kPixelChannels, rows, columns});
  };
  return at::cat({at::cat({pixels, fill(height, right)}, 3), fill(bottom, width + right)}, 2);
}

}  // namespace biplane
