#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>

#include "biplane/model/loss_config.h"
#include "biplane/model/prototypes.h"

namespace biplane {

// Name of the objective's own state among the model's children.
constexpr const char* kObjectiveStateName = "objective";

// State of the objective that is saved with the model but is no part of it; the child "objective"
// of the model, so its names are objective.*: the queues' buffers, and log_scale where the
// temperature is learned.
class ObjectiveState : public torch::nn::Module {
 public:
  ObjectiveState(const LossConfig& config, std::int64_t width);

  std::shared_ptr<FeatureQueue> text, frontal, lateral;  // null without a queue
  torch::Tensor log_scale;  // scalar; undefined unless the temperature is learned
};
// Whether a name of PretrainObjective::module() belongs to the network rather than to the
// objective.
bool is_model_state(const std::string& name);

}  // namespace biplane
