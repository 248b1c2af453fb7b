#pragma once

#include "biplane/nn/libtorch.h"

namespace biplane {

// `tensor` on another device; itself where it is there. From the CPU to a GPU it goes through
// pinned memory, so that the caller does not wait for what the GPU still has to do.
torch::Tensor to_device(const torch::Tensor& tensor, torch::Device device);

}  // namespace biplane
