#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/data/dataset.h"
#include "biplane/data/sample_batch.h"
#include "biplane/data/sampler.h"
#include "biplane/inference/engine.h"
#include "biplane/inference/task_model.h"
#include "biplane/tasks/downstream_task.h"
#include "biplane/tasks/fit.h"

namespace biplane {

// What the trainings of all kinds of heads have in common.

// `studies` (indices into the manifest) of a task as images of `image`, the views that evaluation
// shows; `training`: in the way of augment.*.
std::unique_ptr<StudyDataset> task_dataset(const SeedJob& job,
                                           const std::vector<std::int64_t>& studies,
                                           const PreprocessOptions& image, bool training);

// The studies that are trained on and those that select.
std::vector<std::int64_t> learning_studies(const SeedJob& job);

// Shuffled batches of train.batch studies, or of all where there are fewer; with train.keep_last
// the last of an epoch may be smaller.
BatchSampler task_sampler(std::int64_t studies, const FinetuneConfig& config);

// Adds the parameters of the head, which learn at the full rate.
void add_head_parameters(const FitConfig& config, const torch::nn::Module& head,
                         std::vector<OptimizedParameter>& parameters);

// A training with the parameters of the head, the recording and the request to stop of the job.
FitJob head_fit_job(const SeedJob& job, const torch::nn::Module& head);

// Adds those parameters of the model that `is_read` names, with the rates of their depths.
void add_encoder_parameters(const FitConfig& config, const MultiviewModel& model,
                            const std::function<bool(const std::string& name)>& is_read,
                            std::vector<OptimizedParameter>& parameters);

std::vector<torch::Tensor> values_of(const std::vector<OptimizedParameter>& parameters);

// A description of the task with what it started from; the section of its head is the caller's.
TaskDescription task_description(const SeedJob& job);

// Writes RUN/model: the start's description, its images of `image`.
void save_task_model(const SeedJob& job, const TaskDescription& task,
                     const PreprocessOptions& image, const MultiviewModel& model,
                     const torch::nn::Module& head);

// Whether unreadable studies are more than a share, and what is then said of them.
inline bool is_too_many(std::int64_t broken, std::int64_t studies, double max_bad) {
  return static_cast<double>(broken) > max_bad * static_cast<double>(studies);
}
std::string too_many_text(const char* what, std::int64_t broken, std::int64_t studies,
                          double max_bad);

// A line of the log and a note about studies that could not be read, if there are any of `studies`.
void report_broken(const SeedJob& job, const char* what, std::int64_t studies,
                   const std::vector<BrokenStudy>& broken);

// Throws Error kBadContent where they are more than the job allows; before anything is trained.
void refuse_broken(const SeedJob& job, const char* what, std::int64_t studies,
                   const std::vector<BrokenStudy>& broken);

// What `encode` makes of a frozen encoder's features of so many studies, with a progress bar and a
// line of the log about what its `broken` names.
template <class Encode>
auto encode_once(const SeedJob& job, const char* what, std::int64_t studies, const Encode& encode) {
  Progress progress(
      {.label = what, .unit = "studies", .total = studies, .enabled = job.hooks.progress});
  auto encoded = encode(progress);
  progress.finish();
  report_broken(job, what, studies, encoded.broken);
  refuse_broken(job, what, studies, encoded.broken);
  return encoded;
}

// Something that is the same for all seeds that start from the same encoder, made by the first.
template <class Value>
class SharedBySeeds {
 public:
  template <class Make>
  const Value& get(const SeedJob& job, const Make& make) {
    if (!value_ || job.config.init == "random") value_ = make();  // the encoder of each is its own
    return *value_;
  }

 private:
  std::optional<Value> value_;
};

// A line of the log of a finished training.
void log_fit(const SeedJob& job, const FitResult& result);

// Fits, logs how that ended and saves; false, and nothing is saved, where it was asked to stop.
template <class Training>
bool fit_and_save(const SeedJob& job, Training& training,
                  const std::function<FitResult(Training& training)>& fit) {
  const FitResult result = fit(training);
  if (result.stopped) return false;
  log_fit(job, result);
  training.save();
  return true;
}

// How a kind of head predicts the split test, what is kept of that, and its rows.
template <class Predictions>
struct HeadMeasure {
  std::function<Predictions(const Engine& engine, const TaskDescription& task, const SeedJob& job,
                            std::vector<BrokenStudy>* broken)>
      predict;
  void (*write)(const std::filesystem::path& file, const Predictions& predictions);
  Predictions (*read)(const std::filesystem::path& file);
  std::vector<ResultRow> (*rows)(const Predictions& predictions, const BootstrapOptions& bootstrap,
                                 int threads);

  static constexpr const char* kPredictions = "predictions.jsonl";  // in the run; reread goes by it

  void add_to(DownstreamTask& task) const {
    task.measure = [*this](const SeedJob& job, const BootstrapOptions& bootstrap) {
      const std::filesystem::path model = job.folder.path() / "model";
      const Engine engine = Engine::open(model, {.threads = job.threads});
      std::vector<BrokenStudy> broken;
      const Predictions predictions = predict(engine, read_task(model).value(), job, &broken);
      report_broken(job, "test", std::ssize(job.data.studies.test), broken);
      job.broken_test = std::ssize(broken);
      write(job.folder.path() / kPredictions, predictions);
      return rows(predictions, bootstrap, engine.threads());
    };
    task.reread = [*this](const std::filesystem::path& run, const BootstrapOptions& bootstrap,
                          int threads) {
      return rows(read(run / kPredictions), bootstrap, threads);
    };
  }
};

}  // namespace biplane
