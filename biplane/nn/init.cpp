#include "biplane/nn/init.h"

#include <ATen/CPUGeneratorImpl.h>

#include "biplane/core/random.h"

namespace biplane {
namespace {

at::Generator generator_for(std::uint64_t seed, const std::string& name) {
  return at::detail::createCPUGenerator(CounterRandom(seed, "init/" + name).next_u64());
}

void fill(torch::Tensor& parameter, const torch::Tensor& values) {
  const torch::NoGradGuard no_grad;
  parameter.copy_(values);
}

}  // namespace

void Initializer::normal(const std::string& name, torch::Tensor parameter, double std) const {
  const auto values = torch::empty(parameter.sizes(), torch::kFloat32);
  fill(parameter, at::Tensor(values).normal_(0.0, std, generator_for(seed_, prefix_ + name)));
}

void Initializer::uniform(const std::string& name, torch::Tensor parameter, double bound) const {
  const auto values = torch::empty(parameter.sizes(), torch::kFloat32);
  fill(parameter, at::Tensor(values).uniform_(-bound, bound, generator_for(seed_, prefix_ + name)));
}

}  // namespace biplane
