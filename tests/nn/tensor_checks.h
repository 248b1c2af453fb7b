#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/nn/libtorch.h"
#include "biplane/nn/published_names.h"
#include "biplane/nn/tensor_file.h"

namespace biplane::testing {

// Tiny tensors gain nothing from a second thread, and tests run side by side.
inline const bool kOneThread = [] {
  at::set_num_threads(1);
  return true;
}();

// Floating tensors of a golden file in `dtype`; integers and masks as they are.
inline TensorMap load_as(const std::filesystem::path& file, torch::ScalarType dtype) {
  TensorMap tensors = load_safetensors(file);
  for (auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point()) tensor = tensor.to(dtype);
  }
  return tensors;
}

inline double max_difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  if (actual.numel() == 0) return 0.0;
  return (actual.to(torch::kFloat64) - expected.to(torch::kFloat64)).abs().max().item<double>();
}

// The tensors of the one tower of that kind ("vit", "swin", "bert") in a published file.
inline TensorMap only_tower(const TensorMap& source, const std::string& kind) {
  TensorMap weights;
  for (const MappedTower& tower : map_towers(source)) {
    if (tower.kind != kind) continue;
    TORCH_CHECK(weights.empty(), "more than one tower of kind ", kind);
    for (const auto& [name, tensor] : tower.tensors) weights.emplace(name, tensor.tensor);
  }
  TORCH_CHECK(!weights.empty(), "no tower of kind ", kind);
  return weights;
}

// Largest element-wise difference of at most `tolerance`, nothing NaN.
inline void expect_near(const torch::Tensor& actual, const torch::Tensor& expected,
                        double tolerance, const std::string& what) {
  ASSERT_TRUE(actual.defined()) << what;
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  const double difference = max_difference(actual, expected);
  EXPECT_TRUE(difference <= tolerance) << what << ": differs by " << difference;
}

// The same, relative to the largest expected value.
inline void expect_near_relative(const torch::Tensor& actual, const torch::Tensor& expected,
                                 double tolerance, const std::string& what) {
  expect_near(actual, expected, tolerance * expected.abs().max().item<double>(), what);
}

// Compares the gradient of a scalar function by `input` with central differences at up to `places`
// elements. Everything must be float64.
inline void expect_gradient(const std::function<torch::Tensor()>& loss, torch::Tensor input,
                            const std::string& what, std::int64_t places = 12) {
  constexpr double kStep = 1e-5;
  const torch::Tensor gradient = torch::autograd::grad({loss()}, {input})[0].reshape({-1});
  const torch::NoGradGuard no_grad;
  const torch::Tensor flat = input.view({-1});
  const std::int64_t stride = std::max<std::int64_t>(1, flat.numel() / places);
  for (std::int64_t i = 0; i < flat.numel(); i += stride) {
    const double kept = flat[i].item<double>();
    flat[i] = kept + kStep;
    const double above = loss().item<double>();
    flat[i] = kept - kStep;
    const double below = loss().item<double>();
    flat[i] = kept;
    const double expected = (above - below) / (2 * kStep);
    EXPECT_NEAR(gradient[i].item<double>(), expected, 1e-7 + 1e-5 * std::abs(expected))
        << what << " element " << i;
  }
}

// Fills every parameter with deterministic noise, so that no gradient is zero by symmetry.
inline void randomise(torch::nn::Module& module, std::uint64_t seed, double std) {
  const torch::NoGradGuard no_grad;
  at::Generator generator = at::detail::createCPUGenerator(seed);
  for (torch::Tensor& parameter : module.parameters()) {
    parameter.copy_(at::empty(parameter.sizes(), torch::kFloat64).normal_(0.0, std, generator));
  }
}

inline torch::Tensor noise(at::IntArrayRef shape, std::uint64_t seed,
                           torch::ScalarType dtype = torch::kFloat64) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::empty(shape, torch::kFloat64).normal_(0.0, 1.0, generator).to(dtype);
}

}  // namespace biplane::testing
