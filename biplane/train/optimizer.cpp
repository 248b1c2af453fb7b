#include "biplane/train/optimizer.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_fused_adamw.h>

#include <algorithm>
#include <unordered_map>

#include "biplane/core/error.h"

namespace biplane {
namespace {

struct TensorLists {
  std::vector<torch::Tensor> values, gradients, moment1, moment2, updates;
};

void copy_state(torch::Tensor& target, const TensorMap& given, const std::string& name) {
  const auto found = given.find(name);
  if (found == given.end())
    throw Error(ErrorKind::kBadContent, "optimizer state: tensor " + name + " is missing");
  if (found->second.sizes() != target.sizes()) {
    throw Error(ErrorKind::kBadContent,
                "optimizer state: tensor " + name + " has another shape than its parameter");
  }
  target.copy_(found->second);
}

}  // namespace

std::vector<OptimizedParameter> optimized_parameters(Objective& objective, double weight_decay) {
  std::unordered_map<const c10::TensorImpl*, std::string> names;
  for (const auto& item : objective.module().named_parameters()) {
    if (item.value().requires_grad()) names.emplace(item.value().unsafeGetTensorImpl(), item.key());
  }
  std::vector<OptimizedParameter> parameters;
  for (const ParameterGroup& group : objective.parameter_groups()) {
    for (const torch::Tensor& value : group.parameters) {
      if (!value.requires_grad()) continue;
      auto name = names.extract(value.unsafeGetTensorImpl());
      TORCH_CHECK(!name.empty(), "group ", group.name,
                  ": a parameter is in two groups or not in the module");
      parameters.push_back(
          {name.mapped(), value, group.lr_scale, group.weight_decay ? weight_decay : 0.0});
    }
  }
  TORCH_CHECK(names.empty(), "parameter ", names.empty() ? "" : names.begin()->second,
              " is in no group");
  return parameters;
}

AdamW::AdamW(std::vector<OptimizedParameter> parameters, AdamWOptions options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const OptimizedParameter& parameter : parameters_) {
    moment1_.push_back(torch::zeros_like(parameter.value, torch::MemoryFormat::Preserve).detach());
    moment2_.push_back(torch::zeros_like(parameter.value, torch::MemoryFormat::Preserve).detach());
    // The fused kernel wants the count as a float tensor on the parameter's device.
    updates_.push_back(torch::zeros({}, parameter.value.options().dtype(torch::kFloat32)));
  }
}

std::pair<std::size_t, std::size_t> AdamW::range(Shard shard) const {
  std::int64_t total = 0;
  for (const OptimizedParameter& parameter : parameters_) total += parameter.value.numel();
  const auto boundary = [&](std::int64_t index) {
    std::int64_t before = 0;
    std::size_t i = 0;
    while (i < parameters_.size() && before * shard.count < total * index)
      before += parameters_[i++].value.numel();
    return i;
  };
  return {boundary(shard.index),
          shard.index + 1 == shard.count ? parameters_.size() : boundary(shard.index + 1)};
}

void AdamW::step(double lr, double gradient_scale, Shard shard) {
  const torch::NoGradGuard no_grad;
  std::map<std::pair<double, double>, TensorLists> lists;  // one kernel call for each (rate, decay)
  const auto [begin, end] = range(shard);
  for (std::size_t i = begin; i < end; ++i) {
    const OptimizedParameter& parameter = parameters_[i];
    const torch::Tensor& gradient = parameter.value.grad();
    if (!gradient.defined()) continue;
    TensorLists& list = lists[{parameter.lr_scale, parameter.weight_decay}];
    list.values.push_back(parameter.value);
    list.gradients.push_back(gradient);
    list.moment1.push_back(moment1_[i]);
    list.moment2.push_back(moment2_[i]);
    list.updates.push_back(updates_[i]);
  }
  for (auto& [key, list] : lists) {
    at::_foreach_add_(list.updates, 1);
    if (gradient_scale != 1.0) at::_foreach_mul_(list.gradients, gradient_scale);
    at::_fused_adamw_(list.values, list.gradients, list.moment1, list.moment2,
                      /*max_exp_avg_sqs=*/{}, list.updates, lr * key.first, options_.beta1,
                      options_.beta2, key.second, options_.eps,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
}

TensorMap AdamW::state() const {
  TensorMap state;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    state.emplace("moment1." + parameters_[i].name, moment1_[i]);
    state.emplace("moment2." + parameters_[i].name, moment2_[i]);
    state.emplace("updates." + parameters_[i].name, updates_[i]);
  }
  return state;
}

void AdamW::load_state(const TensorMap& state) {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    copy_state(moment1_[i], state, "moment1." + parameters_[i].name);
    copy_state(moment2_[i], state, "moment2." + parameters_[i].name);
    copy_state(updates_[i], state, "updates." + parameters_[i].name);
  }
}

double clip_factor(double norm, double clip) {
  return clip > 0 ? std::min(1.0, clip / (norm + 1e-6)) : 1.0;
}

double ema_decay(double decay, std::int64_t updates, bool warm) {
  const auto done = static_cast<double>(updates);
  return warm ? std::min(decay, (1.0 + done) / (10.0 + done)) : decay;
}

void ema_update(std::vector<torch::Tensor>& average, const std::vector<torch::Tensor>& values,
                double decay) {
  const torch::NoGradGuard no_grad;
  at::_foreach_lerp_(average, values, 1.0 - decay);
}

}  // namespace biplane
