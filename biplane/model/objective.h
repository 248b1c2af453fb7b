#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "biplane/model/batch.h"
#include "biplane/nn/collective.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// What a training step tells the objective about itself.
struct StepContext {
  std::int64_t step = 0;  // optimizer steps done before this one
  std::uint64_t seed = 0;
  const Collective* collective = nullptr;  // never null while training
};

// Named loss terms. Over ranks each term is this rank's share of the global value: the sum over
// ranks is the term.
struct LossTerms {
  torch::Tensor total;  // scalar, weighted sum, what is differentiated
  std::vector<std::pair<std::string, torch::Tensor>>
      terms;  // "itc", "mlm", ...; only terms that exist
  // Global values already reduced over ranks ("fla/shuffle_gap", "proto/code_perplexity", ...).
  std::vector<std::pair<std::string, double>> diagnostics;
};

// One set of parameters with its own learning rate factor and weight decay.
struct ParameterGroup {
  std::string name;
  std::vector<torch::Tensor> parameters;
  double lr_scale = 1.0;  // times train.lr
  bool weight_decay = true;
};

// A thing that can be trained: the trainer knows nothing else about the model.
class Objective {
 public:
  virtual ~Objective() = default;
  // The batch is on the CPU; the objective takes it to the device of its module.
  virtual LossTerms compute(const StudyBatch& batch, const StepContext& context) = 0;
  // The module whose parameters and buffers are trained and saved.
  virtual torch::nn::Module& module() = 0;
  virtual std::vector<ParameterGroup> parameter_groups() = 0;
  // After the optimizer's update (renormalises prototypes). Called on one replica only: parameters
  // are shared.
  virtual void after_step(const StepContext& context) = 0;
};

}  // namespace biplane
