#include "biplane/tasks/classifier_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "biplane/core/parallel.h"
#include "biplane/corpus/selection.h"
#include "biplane/data/loader.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/inference/model_text.h"
#include "biplane/model/checkpoint.h"
#include "biplane/nn/one_thread.h"
#include "biplane/tasks/augment.h"
#include "biplane/tasks/class_loss.h"
#include "biplane/tasks/layer_decay.h"
#include "biplane/train/device.h"

namespace biplane {
namespace {

constexpr double kSmallestDeviation = 1e-6;  // of a feature that does not vary

bool any_lacks(const TaskData& data, bool StudySummary::*has) {
  return std::any_of(data.studies.train.begin(), data.studies.train.end(),
                     [&](std::int64_t index) { return !(data.manifest->summary(index).*has); });
}

ClassifierConfig classifier_of(const SeedJob& job) {
  ClassifierConfig classifier;
  classifier.labels = job.data.labels;
  classifier.views = job.config.data.views;
  classifier.features = job.config.head.features;
  classifier.norm = job.config.head.norm;
  classifier.absent_frontal_trained = any_lacks(job.data, &StudySummary::has_frontal);
  classifier.absent_lateral_trained = any_lacks(job.data, &StudySummary::has_lateral);
  return classifier;
}

void initialise(const ClassifierHead& head, const TaskHeadConfig& config, std::int64_t seed) {
  const torch::NoGradGuard no_grad;
  const Initializer init = Initializer(static_cast<std::uint64_t>(seed)).child("task_head");
  if (config.init == "uniform") head.linear->initialise_uniform(init);
  if (config.init == "normal") head.linear->initialise_normal(init, config.init_std);
}

void standardise(ClassifierHead& head, const torch::Tensor& features) {
  head.mean.copy_(features.mean(0));
  head.deviation.copy_(features.std(0, /*unbiased=*/false).clamp_min(kSmallestDeviation));
}

BatchSampler sampler_for(std::int64_t studies, const FinetuneConfig& config) {
  return BatchSampler({.studies = studies,
                       .batch = std::min(config.train.batch, studies),
                       .seed = static_cast<std::uint64_t>(config.seed)});
}

// Adds gradients to those of the parameters; an undefined one adds nothing.
void add_gradients(const std::vector<torch::Tensor>& parameters,
                   const std::vector<torch::Tensor>& gradients) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!gradients[i].defined()) continue;
    torch::Tensor& sum = parameters[i].mutable_grad();
    sum = sum.defined() ? sum + gradients[i] : gradients[i];
  }
}

std::vector<torch::Tensor> values_of(const std::vector<OptimizedParameter>& parameters) {
  std::vector<torch::Tensor> values;
  for (const OptimizedParameter& parameter : parameters) values.push_back(parameter.value);
  return values;
}

// Whether a head of these views and features reads a parameter of the model.
bool is_read(const std::string& name, const ClassifierConfig& config) {
  if (name.starts_with("fusion.")) return config.views == "both" && config.features == "projected";
  return (config.views != "lateral" && name.starts_with("frontal")) ||
         (config.views != "frontal" && name.starts_with("lateral"));
}

}  // namespace

ClassifierTraining::ClassifierTraining(const SeedJob& job)
    : job_(job),
      device_(training_device(job.config.train.device)),
      classifier_(classifier_of(job)),
      model_(make_start(job.start, job.config)),
      head_(std::make_shared<ClassifierHead>(
          classifier_, feature_width(classifier_, job.start.description.config))) {
  initialise(*head_, job.config.head, job.config.seed);
  use_exact_kernels(device_);
  model_->to(device_);
  head_->to(device_);
}

bool ClassifierTraining::on_features() const {
  return job_.config.task == "linear" && !job_.config.augment.any();
}

std::unique_ptr<StudyDataset> ClassifierTraining::dataset(const std::vector<std::int64_t>& studies,
                                                          bool training) const {
  const ModelDescription& model = job_.start.description;
  DatasetOptions options;
  options.image =
      training ? augmented_reading(model.preprocess, job_.config.augment) : model.preprocess;
  options.training = training;
  options.random_crop = job_.config.augment.random_crop;
  options.random_views = false;  // the one that evaluation shows
  options.seed = static_cast<std::uint64_t>(job_.config.seed);
  options.cache_mib = job_.config.data.cache_mib;
  return std::make_unique<StudyDataset>(job_.data.manifest, studies, model_text(model), options);
}

StudyParts ClassifierTraining::encode(const StudyDataset& dataset, const char* what) const {
  Progress progress(
      {.label = what, .unit = "studies", .total = dataset.size(), .enabled = job_.hooks.progress});
  StudyParts parts =
      encode_parts(*model_, dataset, classifier_, {.threads = job_.threads}, &progress);
  progress.finish();
  if (!parts.broken.empty())
    job_.folder.log(fmt::format("{}: {} studies are left out, an image cannot be read: {}", what,
                                parts.broken.size(), parts.broken.front().reason));
  return parts;
}

torch::Tensor ClassifierTraining::targets(const std::vector<std::int64_t>& studies) const {
  return label_tensor(classifier_.labels, *job_.data.manifest, studies).to(device_);
}

FitJob ClassifierTraining::make_job() const {
  FitJob fit;
  fit.config = job_.config.train;
  for (const auto& item : head_->named_parameters()) {
    const double decay = item.value().dim() > 1 ? job_.config.train.weight_decay : 0.0;
    fit.parameters.push_back({kTaskHead + item.key(), item.value(), 1.0, decay});
  }
  fit.record = [this](std::int64_t steps, const StepValues& values) {
    job_.folder.metrics(steps, values);
    std::string line = fmt::format("step {}", steps);
    for (const auto& [name, value] : values) line += fmt::format(", {} {:.4f}", name, value);
    job_.folder.log(line);
  };
  fit.stop_requested = job_.hooks.stop_requested;
  return fit;
}

void ClassifierTraining::add_encoder(std::vector<OptimizedParameter>& parameters) const {
  const FitConfig& config = job_.config.train;
  for (const auto& item : model_->named_parameters()) {
    if (!is_read(item.key(), classifier_)) continue;
    const double rate =
        layer_rate(item.key(), model_->config(), config.layer_decay) * config.encoder_lr;
    const double decay = takes_weight_decay(item.key(), item.value()) ? config.weight_decay : 0.0;
    parameters.push_back({item.key(), item.value(), rate, decay});
  }
}

SelectionScore ClassifierTraining::score(const StudyParts& parts) {
  const torch::NoGradGuard no_grad;
  const TaskLabels& labels = classifier_.labels;
  const torch::Tensor logits = head_->forward(join_parts(*model_, parts.parts, classifier_));
  const torch::Tensor truth = targets(parts.studies);
  selected_ = predicted_column(*job_.data.manifest, parts.studies, logits, labels);
  SelectionScore score;
  score.loss = class_loss_sum(logits.to(torch::kFloat64), truth, labels.kind).item<double>() /
               static_cast<double>(known_targets(truth, labels.kind));
  score.metric = selection_metric(selected_, labels.kind, labels.names.size());
  return score;
}

FitResult ClassifierTraining::fit_features(std::optional<FrozenFeatures>& frozen) {
  if (!frozen || job_.config.init == "random") {
    frozen = FrozenFeatures{encode(*dataset(job_.data.studies.train, false), "train"),
                            encode(*dataset(job_.data.studies.select, false), "select")};
  }
  const torch::Tensor features = [&] {
    const torch::NoGradGuard no_grad;
    return join_parts(*model_, frozen->train.parts, classifier_);
  }();
  if (classifier_.norm == "standard") standardise(*head_, features);
  const torch::Tensor truth = targets(frozen->train.studies);
  BatchSampler sampler = sampler_for(features.size(0), job_.config);
  FitJob fit = make_job();
  fit.batches_per_epoch = sampler.batches_per_epoch();
  const std::vector<torch::Tensor> parameters = values_of(fit.parameters);
  fit.gradient = [&](std::int64_t step) {
    const std::vector<std::int64_t> places = sampler.plan(step).studies;
    const torch::Tensor rows = index_tensor(places).to(device_);
    const torch::Tensor wanted = truth.index_select(0, rows);
    const auto known = std::max<std::int64_t>(known_targets(wanted, classifier_.labels.kind), 1);
    const torch::Tensor loss = class_loss_sum(head_->forward(features.index_select(0, rows)),
                                              wanted, classifier_.labels.kind) /
                               known;
    add_gradients(parameters, torch::autograd::grad({loss}, parameters));
    return loss.item<double>();
  };
  fit.select = [&] { return score(frozen->select); };
  const OneThreadPerOperation one_thread;  // small tensors
  FitResult result = biplane::fit(fit);
  if (!result.stopped) score(frozen->select);  // of the best ones, for the operating points
  return result;
}

double ClassifierTraining::encoder_gradient(const StudyBatch& batch, const torch::Tensor& targets,
                                            std::int64_t epoch,
                                            const std::vector<torch::Tensor>& parameters) const {
  const std::string& kind = classifier_.labels.kind;
  const auto known = std::max<std::int64_t>(known_targets(targets, kind), 1);
  const std::int64_t parts =
      device_.is_cpu()
          ? std::min<std::int64_t>(resolve_threads(job_.config.train.threads), batch.size())
          : 1;
  std::vector<std::vector<torch::Tensor>> gradients(static_cast<std::size_t>(parts));
  std::vector<double> losses(static_cast<std::size_t>(parts));
  const bool frozen = job_.config.task == "linear";
  parallel_for(parts, static_cast<int>(parts), [&](std::int64_t part) {
    const OneThreadPerOperation mine;  // the number is kept for each thread
    const std::int64_t begin = batch.size() * part / parts, end = batch.size() * (part + 1) / parts;
    StudyBatch own = batch.rows(begin, end).to(device_);
    augment_views(own, job_.config.augment, job_.start.description.preprocess.crop,
                  static_cast<std::uint64_t>(job_.config.seed), epoch);
    const torch::Tensor features = [&] {
      const torch::AutoGradMode gradients_on(!frozen);
      return join_parts(*model_, view_parts(*model_, own, classifier_), classifier_);
    }();
    const torch::Tensor loss =
        class_loss_sum(head_->forward(features), targets.slice(0, begin, end), kind) / known;
    losses[static_cast<std::size_t>(part)] = loss.item<double>();
    gradients[static_cast<std::size_t>(part)] =
        torch::autograd::grad({loss}, parameters, {}, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
  });
  double loss = 0;
  for (std::size_t part = 0; part < gradients.size(); ++part) {  // in order: the same bits
    add_gradients(parameters, gradients[part]);
    loss += losses[part];
  }
  return loss;
}

FitResult ClassifierTraining::fit_encoder() {
  const auto training = dataset(job_.data.studies.train, true),
             select = dataset(job_.data.studies.select, false);
  const torch::Tensor truth = targets(job_.data.studies.train);
  const BatchSampler sampler = sampler_for(training->size(), job_.config);
  StudyLoader loader(*training, sampler,
                     {.workers = job_.config.data.workers, .prefetch = job_.config.data.prefetch});
  FitJob fit = make_job();
  if (job_.config.task == "finetune") add_encoder(fit.parameters);
  fit.batches_per_epoch = sampler.batches_per_epoch();
  const std::vector<torch::Tensor> parameters = values_of(fit.parameters);
  const OneThreadPerOperation one_thread;
  fit.gradient = [&](std::int64_t) {
    const LoadedBatch loaded = *loader.next();
    const torch::Tensor rows = index_tensor(loaded.places).to(device_);
    return encoder_gradient(loaded.batch, truth.index_select(0, rows), loaded.epoch, parameters);
  };
  fit.select = [&] {
    return score(encode_parts(*model_, *select, classifier_, {.threads = job_.threads}));
  };
  FitResult result = biplane::fit(fit);
  if (!result.stopped) fit.select();  // of the best weights, for the operating points
  return result;
}

TaskDescription ClassifierTraining::description(std::vector<double> thresholds) const {
  const StartModel& start = job_.start;
  TaskDescription task;
  task.task = job_.config.task;
  task.start = {start.name,
                start.weights_sha256,
                job_.config.init,
                start.description.provenance.seed,
                job_.config.data.fraction,
                ordered_ids_sha256(*job_.data.manifest, job_.data.studies.train),
                ordered_ids_sha256(*job_.data.manifest, job_.data.studies.select)};
  task.classifier = classifier_;
  task.classifier.thresholds = std::move(thresholds);
  return task;
}

void ClassifierTraining::save() {
  std::vector<double> thresholds;
  if (classifier_.labels.kind == "multilabel")
    thresholds = youden_thresholds(selected_, classifier_.labels.names.size());
  model_->to(torch::kCPU);
  head_->to(torch::kCPU);
  ModelDescription model = job_.start.description;
  model.provenance.seed = job_.config.seed;
  model.provenance.corpora.push_back(job_.data.corpus);
  model.provenance.labels.clear();  // its label head stays behind
  save_task_package(job_.folder.path() / "model", model, description(std::move(thresholds)),
                    module_state(*model_), module_state(*head_));
}

}  // namespace biplane
