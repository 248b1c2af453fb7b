#include "biplane/tasks/classification.h"

#include <memory>
#include <optional>

#include "biplane/eval/head_evaluator.h"
#include "biplane/tasks/classifier_training.h"
#include "biplane/tasks/head_training.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPredictions = "predictions.jsonl";

bool train(const SeedJob& job, std::optional<FrozenFeatures>& frozen) {
  ClassifierTraining training(job);
  const FitResult result =
      training.on_features() ? training.fit_features(frozen) : training.fit_encoder();
  if (result.stopped) return false;
  job.folder.log(fit_summary(result));
  training.save();
  return true;
}

std::vector<ResultRow> measure(const SeedJob& job, const BootstrapOptions& bootstrap) {
  const fs::path model = job.folder.path() / "model";
  const Engine engine = Engine::open(model, {.threads = job.threads});
  std::vector<BrokenStudy> broken;
  const HeadPredictions predictions =
      predict_head(engine, read_task(model).value(), *job.data.manifest, job.data.studies.test,
                   {.threads = job.threads}, &broken);
  log_broken(job, "test", broken);
  write_predictions(job.folder.path() / kPredictions, predictions);
  return head_rows(predictions, bootstrap, engine.threads());
}

}  // namespace

DownstreamTask classification_task() {
  const auto frozen = std::make_shared<std::optional<FrozenFeatures>>();
  DownstreamTask task;
  task.prepare = [](const FinetuneConfig& config, TaskData& data) {
    data.labels = with_names(config.labels, *data.manifest, data.studies.train);
    keep_labelled(data.studies, *data.manifest, data.labels);
  };
  task.train = [frozen](const SeedJob& job) { return train(job, *frozen); };
  task.measure = measure;
  task.reread = [](const fs::path& run, const BootstrapOptions& bootstrap, int threads) {
    return head_rows(read_predictions(run / kPredictions), bootstrap, threads);
  };
  return task;
}

}  // namespace biplane
