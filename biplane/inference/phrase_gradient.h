#pragma once

#include <cstdint>
#include <vector>

#include "biplane/imaging/image.h"
#include "biplane/model/multiview_model.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// What the cosine of a phrase and a view's global feature, which the contrast trains, rests on.
// Unlike a map of the patch tokens it asks nothing of these, and it is as fine as the image.

// Steps between the blank image and the image. On towers trained with the phantom the sum of 8 is
// 17 % off the whole and that of 16 5 %, with the same pointing game (0.51 and 0.53); one step in
// the middle gives 0.49.
inline constexpr std::int64_t kGradientSteps = 8;

// Share of that cosine that each pixel accounts for: integrated gradients (Sundararajan, Taly and
// Yan, "Axiomatic attribution for deep networks", 2017, equation 3, by the midpoint rule) on the
// straight way from the blank image, all of whose pixels are the image's mean. The shares of a
// phrase sum to its cosine with the image less that with the blank one, up to the error of the
// rule; a negative one speaks against the phrase. plane (1,1,H,W) in [0,1]; phrases (P,D), unit
// rows. Returns (P,H,W). The model in evaluation mode, its image towers not frozen; its parameters
// are only read, so threads can share it.
torch::Tensor pixel_shares(const MultiviewModel& model, const torch::Tensor& plane, bool lateral,
                           const torch::Tensor& phrases);

// The same as one map a phrase, (crop, crop), smoothed, since single pixels of a gradient are noise
// and a finding is larger, and without what speaks against the phrase. The Gaussian has a standard
// deviation of 1/32 of the side, so that at 224 pixels its width at half height is a patch of 16.
std::vector<FloatImage> gradient_maps(const MultiviewModel& model, const FloatImage& image,
                                      bool lateral, const torch::Tensor& phrases);

}  // namespace biplane
