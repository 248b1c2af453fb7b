#include "biplane/tasks/head_training.h"

#include <fmt/format.h>

#include <algorithm>

#include "biplane/inference/model_text.h"
#include "biplane/model/checkpoint.h"
#include "biplane/tasks/layer_decay.h"

namespace biplane {

std::unique_ptr<StudyDataset> task_dataset(const SeedJob& job,
                                           const std::vector<std::int64_t>& studies,
                                           const PreprocessOptions& image, bool training) {
  DatasetOptions options;
  options.image = image;
  options.training = training;
  options.random_crop = job.config.augment.random_crop;
  options.random_views = false;  // the one that evaluation shows
  options.seed = static_cast<std::uint64_t>(job.config.seed);
  options.cache_mib = job.config.data.cache_mib;
  return std::make_unique<StudyDataset>(job.data.manifest, studies,
                                        model_text(job.start.description), options);
}

std::vector<std::int64_t> learning_studies(const SeedJob& job) {
  std::vector<std::int64_t> studies = job.data.studies.train;
  studies.insert(studies.end(), job.data.studies.select.begin(), job.data.studies.select.end());
  return studies;
}

BatchSampler task_sampler(std::int64_t studies, const FinetuneConfig& config) {
  return BatchSampler({.studies = studies,
                       .batch = std::min(config.train.batch, studies),
                       .seed = static_cast<std::uint64_t>(config.seed),
                       .keep_last = config.train.keep_last});
}

void add_head_parameters(const FitConfig& config, const torch::nn::Module& head,
                         std::vector<OptimizedParameter>& parameters) {
  for (const auto& item : head.named_parameters()) {
    const bool decays = config.decay_all || item.value().dim() > 1;
    parameters.push_back(
        {kTaskHead + item.key(), item.value(), 1.0, decays ? config.weight_decay : 0.0});
  }
}

FitJob head_fit_job(const SeedJob& job, const torch::nn::Module& head) {
  FitJob fit;
  fit.config = job.config.train;
  add_head_parameters(fit.config, head, fit.parameters);
  fit.record = [&job](std::int64_t steps, const StepValues& values) {
    job.folder.metrics(steps, values);
    std::string line = fmt::format("step {}", steps);
    for (const auto& [name, value] : values) line += fmt::format(", {} {:.4f}", name, value);
    job.folder.log(line);
  };
  fit.stop_requested = job.hooks.stop_requested;
  return fit;
}

void add_encoder_parameters(const FitConfig& config, const MultiviewModel& model,
                            const std::function<bool(const std::string& name)>& is_read,
                            std::vector<OptimizedParameter>& parameters) {
  for (const auto& item : model.named_parameters()) {
    if (!is_read(item.key())) continue;
    const double rate =
        layer_rate(item.key(), model.config(), config.layer_decay) * config.encoder_lr;
    const bool decays = config.decay_all || takes_weight_decay(item.key(), item.value());
    parameters.push_back({item.key(), item.value(), rate, decays ? config.weight_decay : 0.0});
  }
}

std::vector<torch::Tensor> values_of(const std::vector<OptimizedParameter>& parameters) {
  std::vector<torch::Tensor> values;
  for (const OptimizedParameter& parameter : parameters) values.push_back(parameter.value);
  return values;
}

namespace {

// Corpora that the weights had seen before.
std::vector<std::string> corpora_before(const SeedJob& job) {
  if (job.config.init == "random") return {};
  return job.start.description.provenance.corpora;
}

}  // namespace

TaskDescription task_description(const SeedJob& job) {
  const StartModel& start = job.start;
  TaskDescription task;
  task.task = job.config.task;
  task.start = {start.name,
                start.weights_sha256,
                job.config.init,
                corpora_before(job),
                job.data.protocol,
                start.description.provenance.seed,
                job.config.data.fraction,
                ordered_ids_sha256(*job.data.manifest, job.data.studies.train),
                ordered_ids_sha256(*job.data.manifest, job.data.studies.select)};
  return task;
}

void save_task_model(const SeedJob& job, const TaskDescription& task,
                     const PreprocessOptions& image, const MultiviewModel& model,
                     const torch::nn::Module& head) {
  ModelDescription description = job.start.description;
  description.preprocess = image;
  description.provenance.seed = job.config.seed;
  description.provenance.corpora = corpora_before(job);
  auto& corpora = description.provenance.corpora;
  if (std::find(corpora.begin(), corpora.end(), job.data.corpus) == corpora.end())
    corpora.push_back(job.data.corpus);
  description.provenance.labels.clear();  // its label head stays behind
  save_task_package(job.folder.path() / "model", description, task, module_state(model),
                    module_state(head));
}

std::string too_many_text(const char* what, std::int64_t broken, std::int64_t studies,
                          double max_bad) {
  return fmt::format(
      "{}: {} of {} studies have an image that cannot be read, more than --max-bad {:g}", what,
      broken, studies, max_bad);
}

void report_broken(const SeedJob& job, const char* what, std::int64_t studies,
                   const std::vector<BrokenStudy>& broken) {
  if (broken.empty()) return;
  job.notes.push_back(fmt::format("{}: {} of {} studies are left out, an image cannot be read: {}",
                                  what, broken.size(), studies, broken.front().reason));
  job.folder.log(job.notes.back());
}

void refuse_broken(const SeedJob& job, const char* what, std::int64_t studies,
                   const std::vector<BrokenStudy>& broken) {
  if (is_too_many(std::ssize(broken), studies, job.max_bad))
    throw Error(ErrorKind::kBadContent,
                too_many_text(what, std::ssize(broken), studies, job.max_bad) +
                    ", the first: " + broken.front().reason);
}

void log_fit(const SeedJob& job, const FitResult& result) {
  job.folder.log(fmt::format(
      "{} steps, the best after {}: loss {:.4f}{}", result.steps, result.best_steps,
      result.best.loss,
      result.best.metric ? fmt::format(", metric {:.4f}", *result.best.metric) : std::string()));
}

}  // namespace biplane
