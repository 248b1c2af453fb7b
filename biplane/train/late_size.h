#pragma once

#include <cstdint>

#include "biplane/train/pretrain_config.h"

namespace biplane {

// Larger images for the last part of a run (train.late_size, train.late_fraction): most steps are
// cheap, and the model is used at the size that shows small findings. A pure function of the step,
// so a run goes on exactly from either side of the switch.
//
// Weights keep their shapes: positions stay those of model.image_size and are interpolated in every
// forward pass. So checkpoints, the optimizer's moments and the average of the weights go over the
// switch as they are, the gradient reaches the learned grid through the interpolation, and the
// slots of the key semantics stay M, which the larger grid shares.

// First update, from 0, that sees the larger images: the last ceil(late_fraction N) of N =
// `total_steps` do. `total_steps` where late_size is 0.
std::int64_t late_start(const TrainConfig& config, std::int64_t total_steps);

// data.image at the larger size: crop = train.late_size, and `size` grows in proportion (rounded),
// so that the crop cuts away the same part.
PreprocessOptions late_image(const PretrainConfig& config);

// What images are made by in update `step` of `total_steps`.
PreprocessOptions image_of_step(const PretrainConfig& config, std::int64_t total_steps,
                                std::int64_t step);

// Throws Error kUsage naming train.late_size where it is not above data.image.crop or the towers
// cannot take images of that size.
void check_late_size(const PretrainConfig& config);

}  // namespace biplane
