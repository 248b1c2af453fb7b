#include "biplane/tasks/classifier_training.h"

#include <algorithm>
#include <utility>

#include "biplane/core/parallel.h"
#include "biplane/corpus/selection.h"
#include "biplane/data/loader.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/nn/one_thread.h"
#include "biplane/tasks/augment.h"
#include "biplane/tasks/class_loss.h"
#include "biplane/tasks/split_step.h"
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
  const PreprocessOptions& image = job_.start.description.preprocess;
  return task_dataset(job_, studies,
                      training ? augmented_reading(image, job_.config.augment) : image, training);
}

StudyParts ClassifierTraining::encode(const StudyDataset& dataset, const char* what) const {
  return encode_once(job_, what, dataset.size(), [&](Progress& progress) {
    return encode_parts(*model_, dataset, classifier_, {.threads = job_.threads}, &progress);
  });
}

torch::Tensor ClassifierTraining::targets(const std::vector<std::int64_t>& studies) const {
  return label_tensor(classifier_.labels, *job_.data.manifest, studies).to(device_);
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

FitResult ClassifierTraining::fit_features(SharedBySeeds<FrozenFeatures>& shared) {
  const FrozenFeatures& frozen = shared.get(job_, [&] {
    return FrozenFeatures{encode(*dataset(job_.data.studies.train, false), "train"),
                          encode(*dataset(job_.data.studies.select, false), "select")};
  });
  const torch::Tensor features = [&] {
    const torch::NoGradGuard no_grad;
    return join_parts(*model_, frozen.train.parts, classifier_);
  }();
  if (classifier_.norm == "standard") standardise(*head_, features);
  const torch::Tensor truth = targets(frozen.train.studies);
  BatchSampler sampler = task_sampler(features.size(0), job_.config);
  FitJob fit = head_fit_job(job_, *head_);
  fit.batches_per_epoch = sampler.batches_per_epoch();
  const std::vector<torch::Tensor> parameters = values_of(fit.parameters);
  fit.gradient = [&](std::int64_t step) {
    const std::vector<std::int64_t> places = sampler.plan(step).studies;
    const torch::Tensor rows = index_tensor(places).to(device_);
    const torch::Tensor wanted = truth.index_select(0, rows);
    const auto known = std::max<std::int64_t>(known_targets(wanted, classifier_.labels.kind), 1);
    SplitStep all;
    all.rows = rows.size(0);
    all.terms = [&](std::int64_t, std::int64_t) {
      return class_loss_sum(head_->forward(features.index_select(0, rows)), wanted,
                            classifier_.labels.kind)
          .view({1});
    };
    all.loss = [&](const torch::Tensor& sum) { return sum[0] / known; };
    return split_gradient(all, parameters);
  };
  fit.select = [&] { return score(frozen.select); };
  const OneThreadPerOperation one_thread;  // small tensors
  FitResult result = biplane::fit(fit);
  if (!result.stopped) score(frozen.select);  // of the best ones, for the operating points
  return result;
}

double ClassifierTraining::encoder_gradient(const StudyBatch& batch, const torch::Tensor& targets,
                                            std::int64_t epoch,
                                            const std::vector<torch::Tensor>& parameters) const {
  const std::string& kind = classifier_.labels.kind;
  const auto known = std::max<std::int64_t>(known_targets(targets, kind), 1);
  const bool frozen = job_.config.task == "linear";
  SplitStep step;
  step.rows = batch.size();
  step.parts = device_.is_cpu() ? resolve_threads(job_.config.train.threads) : 1;
  step.terms = [&](std::int64_t begin, std::int64_t end) {
    StudyBatch own = batch.rows(begin, end).to(device_);
    augment_views(own, job_.config.augment, job_.start.description.preprocess.crop,
                  static_cast<std::uint64_t>(job_.config.seed), epoch);
    const torch::Tensor features = [&] {
      const torch::AutoGradMode gradients_on(!frozen);
      return join_parts(*model_, view_parts(*model_, own, classifier_), classifier_);
    }();
    return class_loss_sum(head_->forward(features), targets.slice(0, begin, end), kind).view({1});
  };
  step.loss = [&](const torch::Tensor& sum) { return sum[0] / known; };
  return split_gradient(step, parameters);
}

FitResult ClassifierTraining::fit_encoder() {
  const auto training = dataset(job_.data.studies.train, true),
             select = dataset(job_.data.studies.select, false);
  const torch::Tensor truth = targets(job_.data.studies.train);
  const BatchSampler sampler = task_sampler(training->size(), job_.config);
  StudyLoader loader(*training, sampler,
                     {.workers = job_.config.data.workers, .prefetch = job_.config.data.prefetch});
  FitJob fit = head_fit_job(job_, *head_);
  if (job_.config.task == "finetune")
    add_encoder_parameters(
        fit.config, *model_, [this](const std::string& name) { return is_read(name, classifier_); },
        fit.parameters);
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

void ClassifierTraining::save() {
  TaskDescription task = task_description(job_);
  task.classifier = classifier_;
  if (classifier_.labels.kind == "multilabel")
    task.classifier.thresholds = youden_thresholds(selected_, classifier_.labels.names.size());
  model_->to(torch::kCPU);
  head_->to(torch::kCPU);
  save_task_model(job_, task, job_.start.description.preprocess, *model_, *head_);
}

}  // namespace biplane
