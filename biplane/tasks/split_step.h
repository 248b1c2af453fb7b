#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "biplane/nn/libtorch.h"

namespace biplane {

// (1) a term that is a plain number, beside others like `like`.
torch::Tensor number_term(double value, const torch::Tensor& like);

// One training step of a batch of `rows` studies that is divided among threads. A loss need not be
// a sum over studies (Dice, means over what is known): it is a function of terms that are.
struct SplitStep {
  std::int64_t rows = 0;
  int parts = 1;  // one thread each
  // (K) terms of the rows [begin, end), with a graph.
  std::function<torch::Tensor(std::int64_t begin, std::int64_t end)> terms;
  // Loss () of the sum (K) of all terms.
  std::function<torch::Tensor(const torch::Tensor& sum)> loss;
};

// Adds the gradients of the loss to those of the parameters and returns the loss. For a fixed
// number of parts the bits are the same in every run.
double split_gradient(const SplitStep& step, const std::vector<torch::Tensor>& parameters);

}  // namespace biplane
