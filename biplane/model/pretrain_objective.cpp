#include "biplane/model/pretrain_objective.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "biplane/model/pretrain_step.h"
#include "biplane/model/view_dropout.h"
#include "biplane/nn/to_device.h"

namespace biplane {
namespace {

constexpr double kRandomStartRate =
    5.0;  // learning rate of parts without imported weights beside imported ones
constexpr std::int64_t kGpuLengthStep = 8;

const PretrainSettings& checked(const PretrainSettings& settings) {
  check_config(settings.loss);
  return settings;
}

// The batch without the columns that are padding in every report: they cannot change a result
// (method section 7.2), only cost.
StudyBatch trim(StudyBatch batch, torch::Device device) {
  const torch::Tensor used = batch.attention_mask.any(0).nonzero();
  std::int64_t length = used.size(0) > 0 ? used.max().item<std::int64_t>() + 1 : 1;
  // Few different lengths keep a GPU's allocator from splitting its memory.
  if (!device.is_cpu()) length = (length + kGpuLengthStep - 1) / kGpuLengthStep * kGpuLengthStep;
  length = std::min(length, batch.input_ids.size(1));
  for (torch::Tensor* field :
       {&batch.input_ids, &batch.attention_mask, &batch.masked_ids, &batch.mlm_labels,
        &batch.word_mask, &batch.word_ids, &batch.word_class, &batch.word_key, &batch.sentence_ids,
        &batch.sentence_key}) {
    *field = field->narrow(1, 0, length).contiguous();
  }
  return batch;
}

// The batch as if no study had the view that loss.views leaves out.
StudyBatch with_views(StudyBatch batch, const std::string& views) {
  if (views == "frontal") batch.has_lateral = torch::zeros_like(batch.has_lateral);
  if (views == "lateral") batch.has_frontal = torch::zeros_like(batch.has_frontal);
  return batch;
}

}  // namespace

PretrainObjective::PretrainObjective(const PretrainSettings& settings)
    : settings_(checked(settings)),
      model_(std::make_shared<MultiviewModel>(settings.model, settings.seed)),
      state_(model_->register_module(
          kObjectiveStateName, std::make_shared<ObjectiveState>(settings.loss, settings.model.width,
                                                                settings.labels, settings.seed))) {}

LossTerms PretrainObjective::compute(const StudyBatch& batch, const StepContext& context) {
  TORCH_CHECK(batch.size() > 0, "the objective needs at least one study");
  const Collective alone;
  const torch::Tensor& like = model_->prototypes;
  Step step(with_views(trim(batch, like.device()), settings_.loss.views), like, context,
            context.collective != nullptr ? *context.collective : alone);
  step.diagnostics = due(context.step, settings_.loss.diagnostics_every);
  encode(step);
  if (settings_.loss.itc.weight > 0.0) add_itc(step);
  if (settings_.loss.mlm.weight > 0.0) add_mlm(step);
  if (settings_.loss.fla.weight > 0.0 && step.global.pairs > 0) add_fla(step);
  if (settings_.loss.proto.weight > 0.0) add_proto(step);
  if (settings_.loss.local.weight > 0.0) add_local(step);
  if (settings_.loss.labels.weight > 0.0) add_labels(step);
  if (!step.result.total
           .defined()) {  // no term exists in this batch: a backward pass that changes nothing
    step.result.total = torch::zeros({}, step.batch.frontal.options().requires_grad(true));
  }
  step.reduce_diagnostics();
  return std::move(step.result);
}

void PretrainObjective::encode(Step& step) const {
  const StudyBatch& batch = step.batch;
  const LossConfig& loss = settings_.loss;
  encode_report(step);
  step.frontal = model_->encode_frontal(batch.frontal, batch.has_frontal);
  step.lateral = model_->encode_lateral(batch.lateral, batch.has_lateral);
  if (loss.uses_fused()) {
    const ShownViews shown =
        drop_views(step.given, settings_.model.view_dropout, step.context.seed, step.context.step);
    const torch::Device device = batch.has_frontal.device();
    step.fused = model_->fuse(step.frontal, step.lateral, to_device(shown.frontal, device),
                              to_device(shown.lateral, device));
  }
  if (loss.itc.weight <= 0.0 && loss.proto.weight <= 0.0) return;
  step.unit_text = gather_units(step.report.global, step.collective);
  if (step.global.frontals > 0)
    step.unit_frontal = gather_units(step.frontal.global, step.collective);
  if (step.global.laterals > 0)
    step.unit_lateral = gather_units(step.lateral.global, step.collective);
}

// The whole report, where a term needs it.
void PretrainObjective::encode_report(Step& step) const {
  const StudyBatch& batch = step.batch;
  const LossConfig& loss = settings_.loss;
  step.dropout.rate = model_->is_training() ? settings_.model.text.dropout : 0.0;
  step.dropout.seed = step.context.seed;
  step.dropout.step = step.context.step;
  step.dropout.study_index = step.given.study_index;
  const bool scored_by_report =
      loss.mlm.weight > 0.0 && settings_.model.key_semantics.selection.text == "full";
  if (loss.itc.weight + loss.proto.weight + loss.fla.weight + loss.local.weight <= 0.0 &&
      !scored_by_report)
    return;
  const bool attention = loss.fla.weight > 0.0 && loss.fla.word_weights == "attention";
  step.report = model_->encode_text(batch.input_ids, batch.attention_mask,
                                    step.dropout.rate > 0.0 ? &step.dropout : nullptr, attention);
}

void PretrainObjective::after_step(const StepContext& context) {
  const torch::NoGradGuard no_grad;
  model_->prototypes.copy_(unit(model_->prototypes));
  // Here and not in the loss, whose gradient would be 0 above the bound: it could never come back.
  if (state_->log_scale.defined()) state_->log_scale.clamp_max_(std::log(kMaxContrastScale));
  if (pending_step_ == context.step) {
    for (const PrototypePast& added : pending_) {
      state_->text->push(added.text);
      if (added.frontal.defined()) state_->frontal->push(added.frontal);
      if (added.lateral.defined()) state_->lateral->push(added.lateral);
    }
  }
  pending_.clear();
  pending_step_ = -1;
}

std::vector<ParameterGroup> PretrainObjective::parameter_groups() {
  return group_parameters(*model_, settings_.model, settings_.imported);
}

std::vector<ParameterGroup> group_parameters(const torch::nn::Module& module,
                                             const ModelConfig& config,
                                             const std::set<std::string>& imported) {
  // (random start beside imported parameters, block of the text tower, decay)
  std::map<std::tuple<bool, bool, bool>, ParameterGroup> groups;
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const bool fast = !imported.empty() && !imported.contains(item.key());
    const bool decay = takes_weight_decay(item.key(), item.value());
    const bool text_block = item.key().starts_with("text.blocks.");
    ParameterGroup& group = groups[{fast, text_block, decay}];
    group.name = std::string(fast ? "random_start" : "base") + (text_block ? ".text_blocks" : "") +
                 (decay ? "" : ".no_decay");
    group.lr_scale = (fast ? kRandomStartRate : 1.0) * (text_block ? config.text.block_lr : 1.0);
    group.weight_decay = decay;
    group.parameters.push_back(item.value());
  }
  std::vector<ParameterGroup> result;
  for (auto& [key, group] : groups) result.push_back(std::move(group));
  return result;
}

}  // namespace biplane
