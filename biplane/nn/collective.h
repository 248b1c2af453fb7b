#pragma once

#include <cstdint>
#include <functional>

#include "biplane/nn/libtorch.h"

namespace biplane {

// What losses need from other ranks: two functions. train/distributed fills them (threads of one
// process or processes of a launcher); the default is one rank alone. Every rank must call them in
// the same order with tensors of the same trailing shape.
struct Collective {
  std::int64_t rank = 0;
  std::int64_t size = 1;
  // Concatenates the ranks' tensors along dimension 0 in rank order. Differentiable: the backward
  // pass sums the gradients of all ranks and returns each rank its own rows, so a loss is a rank's
  // partial sum of the global one.
  std::function<torch::Tensor(const torch::Tensor&)> gather = [](const torch::Tensor& x) {
    return x;
  };
  // Element-wise sum over ranks, in rank order; no gradient.
  std::function<torch::Tensor(const torch::Tensor&)> sum = [](const torch::Tensor& x) {
    return x.detach();
  };
};

}  // namespace biplane
