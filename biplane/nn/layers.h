#pragma once

#include <cstdint>
#include <string>

#include "biplane/nn/init.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// LibTorch's own Linear and LayerNorm draw from the global generator when they are built; these do
// not. Weights start at zero (norms at one) until initialise() or a weight file fills them.

// y = x W^T + b; x (..., in) -> (..., out).
class Linear : public torch::nn::Module {
 public:
  Linear(std::int64_t in, std::int64_t out, bool with_bias = true);
  torch::Tensor forward(const torch::Tensor& x) const;
  // weight ~ N(0, std^2), bias 0
  void initialise_normal(const Initializer& init, double std);
  // weight and bias ~ U(-1/sqrt(in), 1/sqrt(in)), LibTorch's own default
  void initialise_uniform(const Initializer& init);

  torch::Tensor weight, bias;  // (out, in), (out) or undefined
};

// Layer norm over the last dimension.
class LayerNorm : public torch::nn::Module {
 public:
  LayerNorm(std::int64_t width, double eps);
  torch::Tensor forward(const torch::Tensor& x) const;

  torch::Tensor weight, bias;  // (width)
  double eps;
};

}  // namespace biplane
