#include "biplane/nn/weights.h"

#include <sstream>
#include <string>

#include "biplane/core/error.h"

namespace biplane {
namespace {

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

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
      throw Error(ErrorKind::kBadContent, "weight " + name + " has shape " + shape_text(tensor) +
                                              ", the network needs " + shape_text(target->second));
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
