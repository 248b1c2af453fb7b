#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/nn/libtorch.h"

namespace biplane {

constexpr std::int64_t kPixelChannels = 3;

// Pixel statistics of published weights, of values in [0,1].
inline const std::vector<double> kClipMean{0.48145466, 0.4578275, 0.40821073};
inline const std::vector<double> kClipStd{0.26862954, 0.26130258, 0.27577711};
inline const std::vector<double> kImageNetMean{0.485, 0.456, 0.406};
inline const std::vector<double> kImageNetStd{0.229, 0.224, 0.225};

// Pixel statistics the weights of a tower were trained with, of values in [0,1].
struct PixelStatistics {
  torch::Tensor mean, std;  // (3) f32

  // From one value for all channels, or three.
  static PixelStatistics of(const std::vector<double>& mean, const std::vector<double>& std);
};

// Throws Error kUsage naming `key` where the values are neither one nor three, not finite, or a
// std is not positive.
void check_pixel_statistics(const std::vector<double>& mean, const std::vector<double>& std,
                            const std::string& key);

// TORCH_CHECKs that pixels are (B,3,H,W).
void check_pixels(const torch::Tensor& pixels);

// Projects square patches of images in [0,1]: pixels (B,3,H,W), H and W multiples of p; weight
// (W,3,p,p); bias (W) or undefined -> (B, rows*columns, W), row by row. The pixels are normalised
// with the statistics without being touched: these become part of the kernel. An expanded grey
// image (stride 0 between channels) is read once.
torch::Tensor project_patches(const torch::Tensor& pixels, const torch::Tensor& weight,
                              const torch::Tensor& bias, const PixelStatistics& statistics);

// pixels with columns at the right and rows at the bottom up to multiples of `side`; they hold the
// mean, which is 0 once normalised. Pixels that need none are returned as they are.
torch::Tensor pad_to_patches(const torch::Tensor& pixels, std::int64_t side,
                             const PixelStatistics& statistics);

}  // namespace biplane
