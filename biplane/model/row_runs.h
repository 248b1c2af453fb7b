#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace biplane {

// x.index_select(0, order) where `order` is `runs` lists of equal length, each without a row twice.
// The backward pass adds one list after the other, in the same order on every device; LibTorch's
// own adds all of them at once, on a GPU in no fixed order.
torch::Tensor select_runs(const torch::Tensor& x, const torch::Tensor& order, std::int64_t runs);

}  // namespace biplane
