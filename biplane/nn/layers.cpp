#include "biplane/nn/layers.h"

#include <cmath>

namespace biplane {

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias) {
  TORCH_CHECK(in > 0 && out > 0, "a linear layer needs positive widths, not ", in, " -> ", out);
  weight = register_parameter("weight", torch::zeros({out, in}));
  if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor Linear::forward(const torch::Tensor& x) const { return at::linear(x, weight, bias); }

void Linear::initialise_normal(const Initializer& init, double std) {
  init.normal("weight", weight, std);
  if (bias.defined()) init.uniform("bias", bias, 0.0);
}

void Linear::initialise_uniform(const Initializer& init) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(weight.size(1)));
  init.uniform("weight", weight, bound);
  if (bias.defined()) init.uniform("bias", bias, bound);
}

LayerNorm::LayerNorm(std::int64_t width, double eps) : eps(eps) {
  weight = register_parameter("weight", torch::ones({width}));
  bias = register_parameter("bias", torch::zeros({width}));
}

torch::Tensor LayerNorm::forward(const torch::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, eps);
}

}  // namespace biplane
