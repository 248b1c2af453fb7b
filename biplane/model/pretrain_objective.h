#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "biplane/model/config.h"
#include "biplane/model/loss_config.h"
#include "biplane/model/losses.h"
#include "biplane/model/multiview_model.h"
#include "biplane/model/objective.h"
#include "biplane/model/objective_state.h"
#include "biplane/model/prototypes.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

struct PretrainSettings {
  ModelConfig model;
  LossConfig loss;
  std::uint64_t seed = 0;  // of the starting weights
  // Parameters that start from elsewhere, by name; with any, all others learn 5 times as fast.
  std::set<std::string> imported;
  std::int64_t labels = kStudyLabels;  // L, labels of the label term
};

// L = w_itc L_itc + w_mlm L_mlm + w_fla L_fla + w_proto L_proto + w_local L_local + w_labels
// L_labels (method section 6). A term of weight 0 is not computed; a term that has nothing to be
// computed from in the whole batch is absent.
//
// Diagnostics (global values): fla/words, fla/images, fla/shuffle_gap, proto/code_perplexity,
// proto/kl, ksm/slot_cosine, ksm/slot_support, mlm/accuracy, mlm/accuracy_<class>,
// itc/<pair>, itc/scale, itc/bias; all but the gap every loss.diagnostics_every steps.
class PretrainObjective : public Objective {
 public:
  explicit PretrainObjective(const PretrainSettings& settings);

  // Forward pass and losses of this rank's studies, at least one, which are taken to the model's
  // device and dtype. Changes no parameter and no buffer: queues grow in after_step.
  LossTerms compute(const StudyBatch& batch, const StepContext& context) override;
  torch::nn::Module& module() override { return *model_; }
  std::vector<ParameterGroup> parameter_groups() override;
  // Renormalises the prototypes, bounds the learned temperature and appends the features of the
  // step's batches (of all ranks) to the queues.
  void after_step(const StepContext& context) override;

  MultiviewModel& model() { return *model_; }

 private:
  struct Step;
  void encode(Step& step) const;
  void encode_report(Step& step) const;
  void add_itc(Step& step) const;
  void add_mlm(Step& step) const;
  void add_mlm_diagnostics(Step& step, const torch::Tensor& word_class, const MlmOutput& output,
                           const torch::Tensor& slot_sums) const;
  GlobalBatch alignment_studies(const Step& step) const;
  void add_fla(Step& step) const;
  void add_proto(Step& step);
  void queue_features(const Step& step, const PrototypeFeatures& features);
  void add_local(Step& step) const;
  void add_labels(Step& step) const;
  ItcOptions itc_options(const Step& step) const;
  PrototypeOptions prototype_options() const;

  PretrainSettings settings_;
  std::shared_ptr<MultiviewModel> model_;
  std::shared_ptr<ObjectiveState> state_;
  // Global features of the batches of the step `pending_step_`, not yet in the queues.
  std::vector<PrototypePast> pending_;
  std::int64_t pending_step_ = -1;
};

// The trainable parameters of a model by learning rate and weight decay. `imported` as in
// PretrainSettings.
std::vector<ParameterGroup> group_parameters(const torch::nn::Module& module,
                                             const ModelConfig& config,
                                             const std::set<std::string>& imported);

}  // namespace biplane
