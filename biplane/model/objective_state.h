#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "biplane/model/loss_config.h"
#include "biplane/model/prototypes.h"
#include "biplane/nn/layers.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Name of the objective's own state among the model's children.
constexpr const char* kObjectiveStateName = "objective";

// State of the objective that is saved with the model but is no part of it; the child "objective"
// of the model, so its names are objective.*: the queues' buffers, log_scale where the temperature
// is learned, bias of the sigmoid contrast, and labels.* of the label head.
class ObjectiveState : public torch::nn::Module {
 public:
  // The label head, of `label_count` labels, is initialised from `seed`.
  ObjectiveState(const LossConfig& config, std::int64_t width, std::int64_t label_count,
                 std::uint64_t seed);

  std::shared_ptr<FeatureQueue> text, frontal, lateral;  // null without a queue
  torch::Tensor log_scale;         // scalar, at most log(kMaxContrastScale); undefined unless the
                                   // temperature is learned
  torch::Tensor bias;              // scalar; undefined unless the contrast is the sigmoid one
  std::shared_ptr<Linear> labels;  // D -> L; null without the label term
};
// Names of the label head's tensors: the part of the objective that is kept with a model, as
// ModelProvenance::labels says.
constexpr const char* kLabelHead = "objective.labels.";

// Whether a name of PretrainObjective::module() belongs to the network rather than to the
// objective.
bool is_model_state(const std::string& name);

}  // namespace biplane
