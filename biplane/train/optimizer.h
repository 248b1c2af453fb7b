#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "biplane/model/objective.h"
#include "biplane/nn/libtorch.h"
#include "biplane/nn/tensor_file.h"

namespace biplane {

// A parameter the optimizer updates.
struct OptimizedParameter {
  std::string name;  // unique; names its moments in a checkpoint
  torch::Tensor value;
  double lr_scale = 1.0;  // times the learning rate of the step
  double weight_decay = 0.0;
};

// The parameters of `objective` that take gradients, in the order of its groups, named as in its
// module. Every trainable parameter must be in exactly one group: otherwise c10::Error names it.
std::vector<OptimizedParameter> optimized_parameters(Objective& objective, double weight_decay);

// A part of the parameters, for updating them on several threads: part `index` of `count`.
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 1;
};

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
};

// AdamW with decoupled weight decay (method section 6), each parameter with its own rate and decay:
// p *= 1 - lr wd; moments; bias correction; p -= lr m / (sqrt(v) + eps).
// A parameter without gradient in a step is left alone, its moments and its own count of updates
// too.
class AdamW {
 public:
  AdamW(std::vector<OptimizedParameter> parameters, AdamWOptions options);

  // One update of the shard's parameters from their .grad times `gradient_scale`, at learning rate
  // lr * lr_scale. Different shards may run at the same time; the result does not depend on the
  // number of shards. The gradients are scaled in place.
  void step(double lr, double gradient_scale = 1.0, Shard shard = {});

  // First index and one past the last of the parameters of a shard (about equal numbers of
  // elements).
  std::pair<std::size_t, std::size_t> range(Shard shard) const;
  const std::vector<OptimizedParameter>& parameters() const { return parameters_; }

  // Moments and counts as "moment1.<name>", "moment2.<name>" and "updates.<name>"; they share
  // memory.
  TensorMap state() const;
  // Takes over what state() gave. Throws Error kBadContent naming a tensor that is missing or of
  // another shape.
  void load_state(const TensorMap& state);

 private:
  std::vector<OptimizedParameter> parameters_;
  AdamWOptions options_;
  std::vector<torch::Tensor> moment1_, moment2_, updates_;
};

// Factor that bounds a gradient of global norm `norm` to `clip`: min(1, clip / (norm + 1e-6)); 1
// where clip is 0 (off).
double clip_factor(double norm, double clip);

// Decay of an exponential moving average after `updates` updates (1 for the first): `decay`, or
// with `warm` min(decay, (1 + updates) / (10 + updates)), so that an average started at random
// weights forgets them.
double ema_decay(double decay, std::int64_t updates, bool warm);

// average = decay average + (1 - decay) value, for each pair, in place, without gradient.
void ema_update(std::vector<torch::Tensor>& average, const std::vector<torch::Tensor>& values,
                double decay);

}  // namespace biplane
