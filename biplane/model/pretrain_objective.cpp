#include "biplane/model/pretrain_objective.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "biplane/model/mlm_input.h"
#include "biplane/model/view_alignment.h"
#include "biplane/model/view_dropout.h"
#include "biplane/text/lexicon.h"

namespace biplane {
namespace {

constexpr double kRandomStartRate =
    5.0;  // learning rate of parts without imported weights beside imported ones
constexpr std::int64_t kGpuLengthStep = 8;

const PretrainSettings& checked(const PretrainSettings& settings) {
  check_config(settings.loss);
  return settings;
}

// The first step, and then every step whose number counted from 1 is a multiple, as metrics.jsonl
// counts.
bool due(std::int64_t step, std::int64_t every) {
  return every > 0 && (step == 0 || (step + 1) % every == 0);
}

// The batch without the columns that are padding in every report: they cannot change a result
// (method section 7.2), only cost.
StudyBatch trim(StudyBatch batch) {
  const torch::Tensor used = batch.attention_mask.any(0).nonzero();
  std::int64_t length = used.size(0) > 0 ? used.max().item<std::int64_t>() + 1 : 1;
  // Few different lengths keep a GPU's allocator from splitting its memory.
  if (!batch.attention_mask.is_cpu())
    length = (length + kGpuLengthStep - 1) / kGpuLengthStep * kGpuLengthStep;
  length = std::min(length, batch.input_ids.size(1));
  for (torch::Tensor* field :
       {&batch.input_ids, &batch.attention_mask, &batch.masked_ids, &batch.mlm_labels,
        &batch.word_mask, &batch.word_ids, &batch.word_class, &batch.word_key}) {
    *field = field->narrow(1, 0, length).contiguous();
  }
  return batch;
}

}  // namespace

// What one call of compute() works on.
struct PretrainObjective::Step {
  Step(StudyBatch studies, const StepContext& step_context, const Collective& ranks)
      : batch(std::move(studies)),
        context(step_context),
        collective(ranks),
        global(gather_batch(batch.has_frontal, batch.has_lateral, ranks)) {}

  void add_term(const std::string& name, double weight, const torch::Tensor& loss) {
    result.terms.emplace_back(name, loss.detach());
    result.total = result.total.defined() ? result.total + weight * loss : weight * loss;
  }
  // `share`: the sum over the ranks is the value.
  void add_diagnostic(const std::string& name, const torch::Tensor& share) {
    names.push_back(name);
    shares.push_back(share.detach().to(torch::kFloat64));
  }
  // A value that every rank knows.
  void add_common(const std::string& name, const torch::Tensor& value) {
    add_diagnostic(name, value / static_cast<double>(collective.size));
  }
  void reduce_diagnostics() {
    if (names.empty()) return;
    const torch::Tensor values = collective.sum(torch::stack(shares)).to(torch::kCPU);
    for (std::size_t i = 0; i < names.size(); ++i) {
      result.diagnostics.emplace_back(names[i],
                                      values[static_cast<std::int64_t>(i)].item<double>());
    }
  }

  StudyBatch batch;
  const StepContext& context;
  const Collective& collective;
  GlobalBatch global;
  bool diagnostics = false;
  TextFeatures report;
  ViewFeatures frontal, lateral;
  UnitFeatures unit_text, unit_frontal, unit_lateral;
  KeyedDropout dropout;
  LossTerms result;
  std::vector<std::string> names;
  std::vector<torch::Tensor> shares;
};

PretrainObjective::PretrainObjective(const PretrainSettings& settings)
    : settings_(checked(settings)),
      model_(std::make_shared<MultiviewModel>(settings.model, settings.seed)),
      state_(model_->register_module(
          kObjectiveStateName,
          std::make_shared<ObjectiveState>(settings.loss, settings.model.width))) {}

LossTerms PretrainObjective::compute(const StudyBatch& batch, const StepContext& context) {
  TORCH_CHECK(batch.size() > 0, "the objective needs at least one study");
  const Collective alone;
  Step step(trim(batch), context, context.collective != nullptr ? *context.collective : alone);
  step.diagnostics = due(context.step, settings_.loss.diagnostics_every);
  encode(step);
  if (settings_.loss.itc.weight > 0.0) add_itc(step);
  if (settings_.loss.mlm.weight > 0.0) add_mlm(step);
  if (settings_.loss.fla.weight > 0.0 && step.global.pairs > 0) add_fla(step);
  if (settings_.loss.proto.weight > 0.0) add_proto(step);
  if (!step.result.total
           .defined()) {  // no term exists in this batch: a backward pass that changes nothing
    step.result.total = torch::zeros({}, batch.frontal.options().requires_grad(true));
  }
  step.reduce_diagnostics();
  return std::move(step.result);
}

void PretrainObjective::encode(Step& step) const {
  const StudyBatch& batch = step.batch;
  const LossConfig& loss = settings_.loss;
  step.dropout.rate = model_->is_training() ? settings_.model.text.dropout : 0.0;
  step.dropout.seed = step.context.seed;
  step.dropout.step = step.context.step;
  step.dropout.study_index = batch.study_index;
  const bool globals = loss.itc.weight > 0.0 || loss.proto.weight > 0.0;
  const bool scored_by_report =
      loss.mlm.weight > 0.0 && settings_.model.key_semantics.selection.text == "full";
  if (globals || loss.fla.weight > 0.0 || scored_by_report) {
    const KeyedDropout* dropout = step.dropout.rate > 0.0 ? &step.dropout : nullptr;
    step.report = model_->encode_text(batch.input_ids, batch.attention_mask, dropout);
  }
  step.frontal = model_->encode_frontal(batch.frontal, batch.has_frontal);
  step.lateral = model_->encode_lateral(batch.lateral, batch.has_lateral);
  if (!globals) return;
  step.unit_text = gather_units(step.report.global, step.collective);
  if (step.global.frontals > 0)
    step.unit_frontal = gather_units(step.frontal.global, step.collective);
  if (step.global.laterals > 0)
    step.unit_lateral = gather_units(step.lateral.global, step.collective);
}

torch::Tensor PretrainObjective::contrast_scale() const {
  if (state_->log_scale.defined()) return state_->log_scale.exp().clamp_max(kMaxContrastScale);
  return torch::full({}, 1.0 / settings_.loss.itc.temperature,
                     model_->prototypes.options().requires_grad(false));
}

void PretrainObjective::add_itc(Step& step) const {
  const ItcConfig& config = settings_.loss.itc;
  const ShownViews shown =
      drop_views(step.batch, settings_.model.view_dropout, step.context.seed, step.context.step);
  const torch::Tensor fused =
      model_->fuse(step.frontal, step.lateral, shown.frontal, shown.lateral);
  ItcFeatures features{step.unit_text, step.unit_frontal, step.unit_lateral,
                       gather_units(fused, step.collective)};
  const ItcOptions options{contrast_scale(), config.text_negatives == "all",
                           config.weights == "fixed"};
  const ItcLoss loss = itc_loss(features, options, step.global);
  step.add_term("itc", config.weight, loss.total);
  if (!step.diagnostics) return;
  if (loss.frontal_text) step.add_diagnostic("itc/frontal", *loss.frontal_text);
  if (loss.lateral_text) step.add_diagnostic("itc/lateral", *loss.lateral_text);
  step.add_diagnostic("itc/fused", loss.fused_text);
  if (config.learned) step.add_common("itc/scale", options.scale);
}

void PretrainObjective::add_mlm(Step& step) const {
  const StudyBatch& batch = step.batch;
  const std::int64_t places =
      step.collective.sum(batch.mlm_labels.ge(0).sum()).item<std::int64_t>();
  if (places == 0) return;
  step.dropout.pass = 1;
  MlmInput input =
      mlm_input(batch, step.frontal, step.lateral, settings_.model.key_semantics.selection);
  input.report_tokens = step.report.tokens;
  input.dropout = step.dropout.rate > 0.0 ? &step.dropout : nullptr;
  const MlmOutput output = model_->mlm(input);
  step.add_term("mlm", settings_.loss.mlm.weight, mlm_loss(output.logits, output.labels, places));
  if (step.diagnostics) add_mlm_diagnostics(step, output);
}

void PretrainObjective::add_mlm_diagnostics(Step& step, const MlmOutput& output) const {
  const torch::Tensor classes = step.batch.word_class.reshape({-1}).index_select(0, output.places);
  const torch::Tensor counts =
      step.collective.sum(count_correct(output.logits, output.labels, classes, kWordClasses))
          .to(torch::kCPU);
  const auto add = [&](const std::string& name, const torch::Tensor& count) {
    if (count[1].item<double>() > 0.0)
      step.result.diagnostics.emplace_back(name, (count[0] / count[1]).item<double>());
  };
  add("mlm/accuracy", counts.sum(0));
  for (int c = 0; c < kWordClasses; ++c) {
    add(std::string("mlm/accuracy_") + word_class_name(static_cast<WordClass>(c)), counts[c]);
  }
  const SlotDiagnostics slots = slot_diagnostics(step.collective.sum(slot_sums(output.keys)));
  step.result.diagnostics.emplace_back("ksm/slot_cosine", slots.slot_cosine);
  step.result.diagnostics.emplace_back("ksm/slot_support", slots.slot_support);
}

void PretrainObjective::add_fla(Step& step) const {
  const FlaConfig& config = settings_.loss.fla;
  const StudyBatch& batch = step.batch;
  const torch::Tensor both = step.global.has_frontal.logical_and(step.global.has_lateral);
  const torch::Tensor rows = step.global.mine(both).nonzero().squeeze(1);
  const AlignmentUnits units =
      config.units == "pieces" ? AlignmentUnits::kPieces : AlignmentUnits::kWords;
  AlignmentInput input;
  input.tokens = step.report.tokens.index_select(0, rows);
  input.token_mask = batch.attention_mask.index_select(0, rows);
  input.frontal = step.frontal.patches.index_select(0, rows);
  input.lateral = step.lateral.patches.index_select(0, rows);
  input.units = report_units(batch, rows, units, input.tokens.scalar_type());
  input.first = both.narrow(0, 0, step.global.offset).sum().item<std::int64_t>();
  input.total = step.global.pairs;
  const WordReader read = [this](const WordQuery& query) {
    return model_->align({query.tokens, query.token_mask, query.patches, {}, query.wanted});
  };
  const AlignmentOptions options{config.temperature, config.batch_negatives,
                                 config.image_negatives};
  const std::optional<AlignmentLoss> loss = alignment_loss(input, read, options, step.collective);
  if (!loss) return;
  step.add_term("fla", config.weight, loss->total);
  if (step.diagnostics) {
    step.add_diagnostic("fla/words", *loss->words);
    if (loss->images) step.add_diagnostic("fla/images", *loss->images);
  }
  if (due(step.context.step, config.gap_every) && input.total > 1) {
    const torch::NoGradGuard no_grad;
    const AlignmentInput rolled = roll_laterals(input, step.collective);
    step.add_diagnostic(
        "fla/shuffle_gap",
        alignment_loss(rolled, read, options, step.collective)->total - loss->total);
  }
}

PrototypeOptions PretrainObjective::prototype_options() const {
  const ProtoConfig& config = settings_.loss.proto;
  PrototypeOptions options = default_prototype_options(settings_.model.width);
  if (config.epsilon > 0.0) options.epsilon = config.epsilon;
  options.temperature = config.temperature > 0.0 ? config.temperature : 2.0 * options.epsilon;
  options.iterations = config.iterations;
  return options;
}

void PretrainObjective::add_proto(Step& step) {
  const ProtoConfig& config = settings_.loss.proto;
  const bool frozen = step.context.step < config.freeze_steps;
  PrototypePast past;
  if (state_->text)
    past = {state_->text->filled(), state_->frontal->filled(), state_->lateral->filled()};
  const PrototypeFeatures features{step.unit_text, step.unit_frontal, step.unit_lateral};
  const torch::Tensor prototypes = frozen ? model_->prototypes.detach() : model_->prototypes;
  const std::optional<PrototypeLoss> loss =
      prototype_loss(features, prototypes, past, prototype_options(), step.global);
  if (!loss) return;
  step.add_term("proto", config.weight, loss->total);
  if (step.diagnostics) {
    step.add_common("proto/code_perplexity", loss->perplexity);
    step.add_diagnostic(
        "proto/kl",
        loss->total.detach() - loss->code_entropy / static_cast<double>(step.collective.size));
  }
  if (!state_->text) return;
  if (pending_step_ != step.context.step) pending_.clear();
  pending_step_ = step.context.step;
  PrototypePast added;
  added.text = features.text.global.detach();
  const auto with_view = [](const UnitFeatures& view, const torch::Tensor& has) {
    return view.global.detach().index_select(0, has.nonzero().squeeze(1));
  };
  if (step.global.frontals > 0)
    added.frontal = with_view(features.frontal, step.global.has_frontal);
  if (step.global.laterals > 0)
    added.lateral = with_view(features.lateral, step.global.has_lateral);
  pending_.push_back(std::move(added));
}

void PretrainObjective::after_step(const StepContext& context) {
  const torch::NoGradGuard no_grad;
  model_->prototypes.copy_(unit(model_->prototypes));
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
  const ImportedTowers& imported = settings_.imported;
  const bool any_imported = imported.frontal || imported.lateral || imported.text;
  const auto is_imported = [&](const std::string& name) {
    const std::string tower = tower_of(name);
    return (tower == "frontal" && imported.frontal) || (tower == "lateral" && imported.lateral) ||
           (tower == "text" && imported.text);
  };
  // (random start beside imported towers, block of the text tower, decay)
  std::map<std::tuple<bool, bool, bool>, ParameterGroup> groups;
  for (const auto& item : model_->named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const bool fast = any_imported && !is_imported(item.key());
    const bool decay = takes_weight_decay(item.key(), item.value());
    const bool text_block = item.key().starts_with("text.blocks.");
    ParameterGroup& group = groups[{fast, text_block, decay}];
    group.name = std::string(fast ? "random_start" : "base") + (text_block ? ".text_blocks" : "") +
                 (decay ? "" : ".no_decay");
    group.lr_scale =
        (fast ? kRandomStartRate : 1.0) * (text_block ? settings_.model.text.block_lr : 1.0);
    group.weight_decay = decay;
    group.parameters.push_back(item.value());
  }
  std::vector<ParameterGroup> result;
  for (auto& [key, group] : groups) result.push_back(std::move(group));
  return result;
}

}  // namespace biplane
