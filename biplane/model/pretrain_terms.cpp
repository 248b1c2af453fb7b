#include <optional>
#include <utility>

#include "biplane/model/local_contrast.h"
#include "biplane/model/mlm_input.h"
#include "biplane/model/pretrain_step.h"
#include "biplane/model/view_alignment.h"
#include "biplane/model/view_dropout.h"
#include "biplane/text/lexicon.h"

namespace biplane {
namespace {

torch::Tensor rows_of(const torch::Tensor& tensor, const torch::Tensor& rows) {
  return tensor.defined() ? tensor.index_select(0, rows.to(tensor.device())) : tensor;
}

ViewFeatures rows_of(ViewFeatures view, const torch::Tensor& rows) {
  for (torch::Tensor* field : {&view.global, &view.patches, &view.pooled, &view.global_attention})
    *field = rows_of(*field, rows);
  return view;
}

// What the masked words are told from.
struct MlmStudies {
  StudyBatch given, batch;  // as in Step
  TextFeatures report;
  ViewFeatures frontal, lateral;
  bool stand_in = false;  // the one study that is left is not one of the term's

  // Leaves the studies that are `seen` (b) bool. Where none is, the first one stands in with
  // nothing to tell, for a rank takes part in what the others do.
  void keep(const torch::Tensor& seen) {
    torch::Tensor rows = seen.nonzero().squeeze(1);
    stand_in = rows.size(0) == 0;
    if (stand_in) rows = torch::zeros({1}, torch::kInt64);
    given = given.without_images(rows);
    batch = batch.without_images(rows);
    if (stand_in) {
      given.mlm_labels = torch::full_like(given.mlm_labels, -100);
      batch.mlm_labels = torch::full_like(batch.mlm_labels, -100);
    }
    report.tokens = rows_of(report.tokens, rows);
    frontal = rows_of(frontal, rows);
    lateral = rows_of(lateral, rows);
  }
};

}  // namespace

ItcOptions PretrainObjective::itc_options(const Step& step) const {
  const ItcConfig& config = settings_.loss.itc;
  ItcOptions options;
  options.scale = state_->log_scale.defined()
                      ? state_->log_scale.exp()
                      : torch::full({}, 1.0 / config.temperature,
                                    model_->prototypes.options().requires_grad(false));
  options.bias = state_->bias;
  options.pairs = config.pairs;
  options.all_texts = config.text_negatives == "all";
  options.fixed_weights = config.weights == "fixed";
  if (config.soft_targets.weight > 0.0) {
    options.same = same_reports(step.unit_text, step.batch.report_key,
                                config.soft_targets.threshold, step.collective);
    options.same_share = config.soft_targets.weight;
  }
  return options;
}

void PretrainObjective::add_itc(Step& step) const {
  ItcFeatures features{step.unit_text, step.unit_frontal, step.unit_lateral, {}};
  if (settings_.loss.itc.pairs.fused_text > 0.0)
    features.fused = gather_units(step.fused, step.collective);
  const ItcOptions options = itc_options(step);
  const ItcLoss loss = itc_loss(features, options, step.global);
  if (!loss.total) return;
  step.add_term("itc", settings_.loss.itc.weight, *loss.total);
  if (!step.diagnostics) return;
  if (loss.frontal_text) step.add_diagnostic("itc/frontal", *loss.frontal_text);
  if (loss.lateral_text) step.add_diagnostic("itc/lateral", *loss.lateral_text);
  if (loss.fused_text) step.add_diagnostic("itc/fused", *loss.fused_text);
  if (loss.frontal_lateral) step.add_diagnostic("itc/frontal_lateral", *loss.frontal_lateral);
  if (state_->log_scale.defined()) step.add_common("itc/scale", options.scale);
  if (options.bias.defined()) step.add_common("itc/bias", options.bias);
}

void PretrainObjective::add_mlm(Step& step) const {
  const double share = settings_.loss.mlm.share;
  MlmStudies studies{step.given, step.batch, step.report, step.frontal, step.lateral};
  if (share < 1.0) studies.keep(seen_by_share(share, step.global));
  const std::int64_t places =
      step.collective.sum(studies.given.mlm_labels.ge(0).sum()).item<std::int64_t>();
  if (places == 0) return;
  KeyedDropout dropout = step.dropout;
  dropout.pass = 1;
  dropout.study_index = studies.given.study_index;
  MlmInput input = mlm_input(studies.batch, studies.frontal, studies.lateral,
                             settings_.model.key_semantics.selection);
  input.report_tokens = studies.report.tokens;
  input.dropout = dropout.rate > 0.0 ? &dropout : nullptr;
  const MlmOutput output = model_->mlm(input);
  step.add_term("mlm", settings_.loss.mlm.weight, mlm_loss(output.logits, output.labels, places));
  if (!step.diagnostics) return;
  torch::Tensor slots = slot_sums(output.keys);
  if (studies.stand_in) slots = torch::zeros_like(slots);
  add_mlm_diagnostics(step, studies.batch.word_class, output, slots);
}

void PretrainObjective::add_mlm_diagnostics(Step& step, const torch::Tensor& word_class,
                                            const MlmOutput& output,
                                            const torch::Tensor& slot_sums) const {
  const torch::Tensor classes = word_class.reshape({-1}).index_select(0, output.places);
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
  const SlotDiagnostics slots = slot_diagnostics(step.collective.sum(slot_sums));
  step.result.diagnostics.emplace_back("ksm/slot_cosine", slots.slot_cosine);
  step.result.diagnostics.emplace_back("ksm/slot_support", slots.slot_support);
}

// The batch as if only those studies that the term sees had a lateral.
GlobalBatch PretrainObjective::alignment_studies(const Step& step) const {
  const double share = settings_.loss.fla.share;
  if (share >= 1.0) return step.global;
  const torch::Tensor seen = seen_by_share(share, step.global);
  return gather_batch(step.given.has_frontal, step.given.has_lateral.logical_and(seen),
                      step.collective)
      .to(model_->prototypes.device());
}

void PretrainObjective::add_fla(Step& step) const {
  const FlaConfig& config = settings_.loss.fla;
  const StudyBatch& batch = step.batch;
  const GlobalBatch global = alignment_studies(step);
  if (global.pairs == 0) return;
  const torch::Tensor both = global.has_frontal.logical_and(global.has_lateral);
  const torch::Tensor rows = global.mine(both).nonzero().squeeze(1);
  const AlignmentUnits units =
      config.units == "pieces" ? AlignmentUnits::kPieces : AlignmentUnits::kWords;
  AlignmentInput input;
  input.tokens = step.report.tokens.index_select(0, rows);
  input.token_mask = batch.attention_mask.index_select(0, rows);
  input.frontal = step.frontal.patches.index_select(0, rows);
  input.lateral = step.lateral.patches.index_select(0, rows);
  input.units = report_units(batch, rows, units, input.tokens.scalar_type());
  if (config.word_weights == "attention")
    input.units.weight = unit_sums(step.report.class_attention.index_select(0, rows), input.units);
  input.first = global.pairs_before;
  input.total = global.pairs;
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
  if (state_->text) queue_features(step, features);
}

// Keeps the features of this batch for the queues, which grow in after_step.
void PretrainObjective::queue_features(const Step& step, const PrototypeFeatures& features) {
  if (pending_step_ != step.context.step) pending_.clear();
  pending_step_ = step.context.step;
  PrototypePast added;
  added.text = features.text.global.detach();
  const auto with_view = [](const UnitFeatures& view, const torch::Tensor& rows) {
    return view.global.detach().index_select(0, rows);
  };
  if (step.global.frontals > 0)
    added.frontal = with_view(features.frontal, step.global.frontal_rows);
  if (step.global.laterals > 0)
    added.lateral = with_view(features.lateral, step.global.lateral_rows);
  pending_.push_back(std::move(added));
}

void PretrainObjective::add_local(Step& step) const {
  const LocalConfig& config = settings_.loss.local;
  torch::Tensor sum;
  int views = 0;
  const auto add_view = [&](const ViewFeatures& view, const torch::Tensor& has,
                            std::int64_t count) {
    if (count == 0) return;
    const torch::Tensor rows = has.nonzero().squeeze(1);
    LocalInput input;
    input.tokens = step.report.tokens.index_select(0, rows);
    input.patches = view.patches.index_select(0, rows);
    input.sentences = report_sentences(step.batch, rows, input.tokens.scalar_type());
    const std::optional<torch::Tensor> loss =
        local_loss(input, {config.temperature, config.attention_temperature}, step.collective);
    if (!loss) return;
    sum = sum.defined() ? sum + *loss : *loss;
    ++views;
  };
  add_view(step.frontal, step.batch.has_frontal, step.global.frontals);
  add_view(step.lateral, step.batch.has_lateral, step.global.laterals);
  if (views > 0) step.add_term("local", config.weight, sum / static_cast<double>(views));
}

void PretrainObjective::add_labels(Step& step) const {
  const torch::Tensor& labels = step.batch.labels;
  TORCH_CHECK(labels.defined(), "loss.labels.weight: the batch has no labels");
  const std::int64_t known =
      step.collective.sum(step.given.labels.isnan().logical_not().sum()).item<std::int64_t>();
  if (known == 0) return;
  step.add_term("labels", settings_.loss.labels.weight,
                label_loss(state_->labels->forward(step.fused), labels, known));
}

}  // namespace biplane
