#include "biplane/model/objective_state.h"

#include <cmath>

namespace biplane {
namespace {

std::shared_ptr<FeatureQueue> make_queue(const ProtoConfig& config, std::int64_t width) {
  if (config.weight <= 0.0 || config.queue == 0) return nullptr;
  return std::make_shared<FeatureQueue>(config.queue, width);
}

}  // namespace

ObjectiveState::ObjectiveState(const LossConfig& config, std::int64_t width,
                               std::int64_t label_count, std::uint64_t seed)
    : text(make_queue(config.proto, width)),
      frontal(make_queue(config.proto, width)),
      lateral(make_queue(config.proto, width)) {
  if (text) register_module("queue_text", text);
  if (frontal) register_module("queue_frontal", frontal);
  if (lateral) register_module("queue_lateral", lateral);
  if (config.itc.weight > 0.0 && config.itc.learns_scale()) {
    log_scale = register_parameter("log_scale", torch::full({}, -std::log(config.itc.temperature)));
  }
  if (config.itc.weight > 0.0 && config.itc.kind == "sigmoid")
    bias = register_parameter("bias", torch::full({}, config.itc.bias));
  if (config.labels.weight > 0.0) {
    labels = register_module("labels", std::make_shared<Linear>(width, label_count));
    labels->initialise_uniform(Initializer(seed, kLabelHead));
  }
}

bool is_model_state(const std::string& name) {
  return !name.starts_with(std::string(kObjectiveStateName) + ".");
}

}  // namespace biplane
