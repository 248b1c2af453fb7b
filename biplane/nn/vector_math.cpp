#include "biplane/nn/vector_math.h"

#include <mutex>

#include "biplane/nn/libtorch.h"

namespace biplane {
namespace {

// Those that ATen/cpu/vml.h sends to MKL.
constexpr torch::Tensor (*kFunctions[])(const torch::Tensor&) = {
    at::acos, at::asin, at::atan,  at::cos, at::erf,  at::erfc, at::erfinv, at::exp,
    at::log,  at::log2, at::log10, at::sin, at::sqrt, at::tan,  at::tanh,   at::trunc};

}  // namespace

void choose_vector_math() {
  static std::once_flag chosen;
  std::call_once(chosen, [] {
    const torch::NoGradGuard no_grad;
    for (const torch::ScalarType type : {torch::kFloat32, torch::kFloat64}) {
      const torch::Tensor x = torch::full({1}, 0.5, type);
      for (const auto function : kFunctions) function(x);
    }
  });
}

}  // namespace biplane
