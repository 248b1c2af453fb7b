#include "biplane/nn/weights.h"

#include <string>

#include "biplane/core/error.h"

namespace biplane {

void assign_weights(torch::nn::Module& module, const TensorMap& weights) {
  const torch::NoGradGuard no_grad;
  TensorMap targets;
  for (const auto& item : module.named_parameters()) targets.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) targets.emplace(item.key(), item.value());
  for (const auto& [name, tensor] : weights) {
    const auto target = targets.find(name);
    if (target == targets.end())
      throw Error(ErrorKind::kBadContent, "weight " + name + " fits no parameter of the network");
    if (target->second.sizes() != tensor.sizes()) {
      throw Error(ErrorKind::kBadContent, "weight " + name + " has shape " +
                                              shape_text(tensor.sizes()) + ", the network needs " +
                                              shape_text(target->second.sizes()));
    }
  }
  for (const auto& item : module.named_parameters()) {
    if (!weights.contains(item.key())) {
      throw Error(ErrorKind::kBadContent, "no weight for the parameter " + item.key());
    }
  }
  for (const auto& [name, tensor] : weights) targets.at(name).copy_(tensor);
}

}  // namespace biplane
