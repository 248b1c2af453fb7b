#include "biplane/train/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/data/sampler.h"
#include "biplane/model/pretrain_objective.h"
#include "biplane/train/initial_weights.h"
#include "biplane/train/late_size.h"
#include "biplane/train/memory_estimate.h"
#include "biplane/train/run_data.h"
#include "biplane/train/schedule.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr double kFloat = 4;                    // bytes
constexpr double kProgram = 150.0 * (1 << 20);  // resident before training: measured
constexpr std::int64_t kReportsRead = 2000;     // for the mean length
constexpr double kMaskedShare = 0.7;            // of the words of a report, by the default masking

// "frontal" of "frontal.blocks.0.ln_1.weight".
std::string part_of(const std::string& parameter) {
  return parameter.substr(0, parameter.find('.'));
}

class Planner {
 public:
  explicit Planner(const PretrainConfig& config) : config_(config) {}

  PretrainPlan plan() {
    plan_.device = config_.train.device;
    plan_.threads = compute_threads(config_.train);
    if (on_cuda(config_.train)) {
      plan_.notes.push_back(fmt::format(
          "train.device = {}: what the lines parameters to step hold is memory of the device, "
          "without the libraries there; data and program are memory of the host",
          plan_.device));
    }
    {
      const InitialWeights initial = read_start();
      read_data();
      check_vocabulary(initial, config_);
    }  // its tensors go before the model is built
    plan_steps();
    plan_terms();
    plan_parameters();
    plan_memory(config_.data.image.crop);
    if (config_.train.late_size > 0) plan_memory(config_.train.late_size);
    return std::move(plan_);
  }

 private:
  // Reads what is there of init.* and checks it as a run does; the rest is said and left out.
  InitialWeights read_start() {
    PretrainConfig there = config_;
    for (const auto& [role, path] :
         {std::pair("model", &there.init.model), std::pair("frontal", &there.init.frontal),
          std::pair("lateral", &there.init.lateral), std::pair("text", &there.init.text)}) {
      if (path->empty() || fs::exists(*path)) continue;
      plan_.notes.push_back(fmt::format(
          "init.{} = {}: not there, so its architecture and vocabulary are not checked and all its "
          "parameters are taken to be there",
          role, *path));
      absent_.insert(role);
      path->clear();
    }
    InitialWeights initial = read_initial_weights(there);
    config_.data.vocabulary = there.data.vocabulary;
    imported_ = initial.imported;
    return initial;
  }

  void read_data() {
    // One that comes with weights that are not there.
    const bool awaited =
        config_.data.vocabulary.empty() && (absent_.contains("model") || absent_.contains("text"));
    plan_.tokens = static_cast<double>(config_.data.max_tokens);
    if (config_.data.manifest.empty()) {
      plan_.notes.push_back(
          "data.manifest is not set: the number of studies is not known, and every report is taken "
          "to have data.max_tokens tokens");
    } else {
      read_manifest(awaited);
    }
    if (plan_.vocabulary == 0) guess_vocabulary(awaited);
    config_.model.text.bert.vocabulary = plan_.vocabulary;
  }

  void read_manifest(bool vocabulary_awaited) {
    const Manifest manifest = Manifest::read(config_.data.manifest, config_.data.root);
    const std::vector<std::int64_t> chosen = chosen_studies(
        manifest, config_.data, exclude_patients(manifest, config_.data.exclude_patients_of));
    plan_.studies = static_cast<std::int64_t>(chosen.size());
    if (vocabulary_awaited) return;
    const TextPipeline text = make_text_pipeline(config_.data, manifest, chosen);
    plan_.vocabulary = text.tokenizer.vocabulary().size();
    const std::int64_t stride = std::max<std::int64_t>(1, *plan_.studies / kReportsRead);
    double sum = 0, read = 0;
    for (std::int64_t i = 0; i < *plan_.studies; i += stride, ++read) {
      const Study study = manifest.study(chosen[static_cast<std::size_t>(i)]);
      sum += static_cast<double>(text.tokenizer.encode(study.report.text, text.max_tokens).size());
    }
    plan_.tokens = sum / read;
  }

  void guess_vocabulary(bool awaited) {
    if (!config_.data.vocabulary.empty()) {
      plan_.vocabulary = Vocabulary::read(config_.data.vocabulary).size();
    } else if (awaited) {
      plan_.vocabulary = config_.model.text.bert.vocabulary;
      plan_.notes.push_back(
          fmt::format("the vocabulary of the initial weights is not there: "
                      "model.text.bert.vocabulary = {} tokens are assumed",
                      plan_.vocabulary));
    } else {
      plan_.vocabulary = config_.data.vocabulary_size;
      plan_.notes.push_back(fmt::format(
          "the vocabulary is trained on the reports: data.vocabulary_size = {} tokens at most",
          plan_.vocabulary));
    }
  }

  void plan_steps() {
    const TrainConfig& train = config_.train;
    if (plan_.studies) {
      const BatchSampler sampler({.studies = *plan_.studies, .batch = train.batch});
      plan_.batches_per_epoch = sampler.batches_per_epoch();
    } else if (train.steps == 0) {
      plan_.notes.push_back("train.steps is 0: train.epochs decides once the studies are known");
      return;
    }
    plan_.steps = total_steps(train, plan_.batches_per_epoch.value_or(0));
    plan_.warmup = warmup_steps(*plan_.steps, train.warmup_fraction);
    plan_.late = *plan_.steps - late_start(train, *plan_.steps);
  }

  void plan_terms() {
    const LossConfig& loss = config_.loss;
    plan_.terms = {{"itc", loss.itc.weight},     {"mlm", loss.mlm.weight},
                   {"fla", loss.fla.weight},     {"proto", loss.proto.weight},
                   {"local", loss.local.weight}, {"labels", loss.labels.weight}};
  }

  bool is_on(const std::string& term) const {
    return std::any_of(plan_.terms.begin(), plan_.terms.end(),
                       [&](const PlanTerm& one) { return one.name == term && one.weight > 0; });
  }

  // Why no loss reaches a part; empty where one does.
  std::string idle(const std::string& part) const {
    if (part == "alignment" && !is_on("fla")) return "loss.fla.weight is 0";
    if (part == "prototypes" && !is_on("proto")) return "loss.proto.weight is 0";
    if (part == "fusion" && !config_.loss.uses_fused()) return "no loss uses the fused feature";
    const std::string& views = config_.loss.views;
    if (views != "both" && part.starts_with(views == "frontal" ? "lateral" : "frontal"))
      return "loss.views is " + views;
    const bool words = part == "key_semantics" || part == "decoder" || part == "mlm_head";
    return words && !is_on("mlm") ? "loss.mlm.weight is 0" : "";
  }

  std::string start_of(const std::string& part) const {
    const InitConfig& init = config_.init;
    const auto from = [&](const char* role, const std::string& path) {
      return fmt::format("init.{} = {}{}", role, path,
                         absent_.contains(role) ? " (not there)" : "");
    };
    const auto is_from = [&](const std::string& path, const std::string& role) {
      return !path.empty() && (part == role || (part == role + "_projection" &&
                                                imported_.names.contains(part + ".weight")));
    };
    if (!init.model.empty()) return from("model", init.model);
    if (is_from(init.frontal, "frontal")) return from("frontal", init.frontal);
    if (is_from(init.lateral, "lateral")) return from("lateral", init.lateral);
    if (is_from(init.text, "text")) return from("text", init.text);
    return part == "objective" ? "loss.*" : fmt::format("random, seed {}", config_.seed);
  }

  // Weights that are not there count as whole.
  void import_absent(const torch::nn::Module& module) {
    for (const auto& item : module.named_parameters()) {
      if (absent_.contains("model") || absent_.contains(tower_of(item.key())))
        imported_.names.insert(item.key());
    }
  }

  void plan_parameters() {
    PretrainObjective objective({config_.model,
                                 config_.loss,
                                 static_cast<std::uint64_t>(config_.seed),
                                 {},
                                 static_cast<std::int64_t>(config_.data.label_names().size())});
    import_absent(objective.module());
    check_frozen_towers(config_.model, imported_);
    for (const auto& item : objective.module().named_parameters()) {
      const std::string name = part_of(item.key());
      if (plan_.parts.empty() || plan_.parts.back().name != name) add_part(name);
      const std::string reason = idle(name);
      plan_.parts.back().parameters += item.value().numel();
      if (item.value().requires_grad() && reason.empty())
        plan_.parts.back().trained += item.value().numel();
    }
    for (const auto& item : objective.module().named_buffers())
      queues_ += item.key().starts_with(kObjectiveStateName) ? item.value().numel() : 0;
    plan_groups(objective.module());
    plan_not_trained();
  }

  void plan_groups(const torch::nn::Module& module) {
    // As pretrain() does: a whole model goes on learning at one rate.
    const bool whole = !config_.init.model.empty();
    for (const ParameterGroup& group : group_parameters(
             module, config_.model, whole ? std::set<std::string>() : imported_.names)) {
      PlanGroup line{group.name, config_.train.lr * group.lr_scale,
                     group.weight_decay ? config_.train.weight_decay : 0, 0};
      for (const torch::Tensor& value : group.parameters) line.parameters += value.numel();
      optimized_ += line.parameters;
      plan_.groups.push_back(line);
    }
  }

  void add_part(const std::string& name) {
    const auto found = std::find_if(plan_.parts.begin(), plan_.parts.end(),
                                    [&](const PlanPart& part) { return part.name == name; });
    PlanPart part{name, 0, 0, start_of(name)};
    if (found != plan_.parts.end()) {  // the module's own parameters stand before its children's
      part = *found;
      plan_.parts.erase(found);
    }
    plan_.parts.push_back(part);
  }

  void plan_not_trained() {
    for (const PlanPart& part : plan_.parts) {
      if (part.trained > 0) continue;
      const std::string reason = idle(part.name);
      plan_.not_trained.push_back(
          fmt::format("{}: {}", part.name,
                      reason.empty() ? fmt::format("model.{}.frozen", part.name) : reason));
    }
    const ProtoConfig& proto = config_.loss.proto;
    const std::int64_t steps = proto.frozen_steps(plan_.batches_per_epoch.value_or(0));
    if (is_on("proto") && proto.freeze_epochs > 0 && !plan_.batches_per_epoch) {
      plan_.not_trained.push_back(fmt::format(
          "prototypes: in the first {} epochs, whose steps are not known", proto.freeze_epochs));
    } else if (is_on("proto") && steps > 0) {
      plan_.not_trained.push_back(fmt::format("prototypes: in the first {} steps", steps));
    }
  }

  // Gradients that each part of the backward pass is the first to need, over all threads.
  std::vector<double> gradients(const std::vector<ActivationPart>& parts) const {
    std::map<std::string, double> left;
    for (const PlanPart& part : plan_.parts)
      left[part.name] = kFloat * static_cast<double>(part.trained * plan_.threads);
    std::vector<double> bytes(parts.size(), 0.0);
    for (std::size_t i = parts.size(); i-- > 0;) {
      for (const std::string& module : parts[i].modules) bytes[i] += std::exchange(left[module], 0);
    }
    return bytes;
  }

  double data_bytes(std::int64_t crop) const {
    const DataConfig& data = config_.data;
    const PreprocessOptions image = crop == data.image.crop ? data.image : late_image(config_);
    const double pixel = image.fit == "longest" ? 1 : kFloat;
    const double study = 2 * pixel * static_cast<double>(image.size * image.size);
    double cache = static_cast<double>(data.cache_mib) * (1 << 20);
    if (plan_.studies) cache = std::min(cache, static_cast<double>(*plan_.studies) * study);
    const double batch = kFloat * 2 * static_cast<double>(config_.train.batch * crop * crop);
    return cache + static_cast<double>(data.prefetch + data.workers + 1) * batch;
  }

  void plan_memory(std::int64_t image_size) {
    std::int64_t parameters = 0;
    for (const PlanPart& part : plan_.parts) parameters += part.parameters;
    ActivationInput input;
    input.image_size = image_size;
    input.studies = config_.train.batch / config_.train.accumulate;
    input.tokens = plan_.tokens;
    input.masked = config_.data.masking.strategy == "random"
                       ? config_.data.masking.random_probability
                       : kMaskedShare;
    input.threads = plan_.threads;
    const auto parts = activation_parts(config_.model, config_.loss, input);
    const std::vector<double> gradient = gradients(parts);
    PlanMemory memory;
    memory.image_size = image_size;
    memory.parameters = kFloat * static_cast<double>(parameters);
    memory.moments = 2 * kFloat * static_cast<double>(optimized_);
    memory.average = config_.train.ema > 0 ? kFloat * static_cast<double>(optimized_) : 0;
    memory.queues = kFloat * static_cast<double>(queues_ * plan_.threads);
    for (const double bytes : gradient) memory.gradients += bytes;
    for (const ActivationPart& part : parts) memory.activations += part.kept;
    memory.step = step_peak(parts, gradient, config_.train.accumulate > 1);
    memory.data = data_bytes(image_size);
    memory.program = kProgram;
    plan_.memory.push_back(memory);
  }

  PretrainConfig config_;
  std::set<std::string> absent_;  // of model, frontal, lateral, text: init.* that is not there
  ImportedWeights imported_;
  PretrainPlan plan_;
  std::int64_t queues_ = 0, optimized_ = 0;  // numbers
};

}  // namespace

PretrainPlan plan_pretrain(const PretrainConfig& config) {
  check_pretrain_settings(config);
  return Planner(config).plan();
}

}  // namespace biplane
