#pragma once

#include <string>

#include "biplane/nn/libtorch.h"
#include "biplane/train/config.h"

namespace biplane {

// The device that train.device names. Throws Error kUsage where LibTorch sees no such one here.
torch::Device training_device(const std::string& name);
torch::Device training_device(const TrainConfig& config);

// Has a CUDA device compute convolutions in float32, as it does the rest, and by kernels that add
// in a fixed order. Does nothing for the CPU.
void use_exact_kernels(torch::Device device);

}  // namespace biplane
