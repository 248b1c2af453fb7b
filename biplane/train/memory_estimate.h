#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/model/config.h"
#include "biplane/model/loss_config.h"

namespace biplane {

// What one micro-batch of a training step keeps for its backward pass, from the configuration
// alone (docs/configuration.md, "--plan"). Everything in bytes, float32, for studies with both
// views.
struct ActivationInput {
  std::int64_t image_size = 224;  // px
  std::int64_t studies = 1;       // of a micro-batch, over all threads
  double tokens = 128;            // of a report
  double masked = 0.7;            // share of them that is predicted
  std::int64_t threads = 1;       // each keeps its own scaled copies of QuickGELU's weights
};

// A part of the forward pass. The backward pass goes through the parts from the last to the first.
struct ActivationPart {
  std::string name;
  std::vector<std::string> modules;  // children of the model that get their gradient here
  double kept = 0;                   // until its backward pass
  double working = 0;                // besides, while it is computed forward or backward
};

// The parts in the order of the forward pass; only what the losses that are on need.
std::vector<ActivationPart> activation_parts(const ModelConfig& model, const LossConfig& loss,
                                             const ActivationInput& input);

// The most that activations and gradients take together in a step: after the forward pass all
// activations, then part by part a gradient for an activation. gradients[i]: bytes that part i is
// the first to need; `from_before`: gradients that are there from an earlier micro-batch.
double step_peak(const std::vector<ActivationPart>& parts, const std::vector<double>& gradients,
                 bool from_before);

}  // namespace biplane
