#include "biplane/tasks/classification.h"

#include <memory>

#include "biplane/eval/head_evaluator.h"
#include "biplane/tasks/classifier_training.h"
#include "biplane/tasks/head_training.h"

namespace biplane {
DownstreamTask classification_task() {
  const auto frozen = std::make_shared<SharedBySeeds<FrozenFeatures>>();
  DownstreamTask task;
  task.prepare = [](const FinetuneConfig& config, TaskData& data) {
    data.labels = with_names(config.labels, *data.manifest, data.studies.train);
    keep_labelled(data.studies, *data.manifest, data.labels);
  };
  task.train = [frozen](const SeedJob& job) {
    ClassifierTraining training(job);
    return fit_and_save<ClassifierTraining>(job, training, [&](auto& one) {
      return one.on_features() ? one.fit_features(*frozen) : one.fit_encoder();
    });
  };
  HeadMeasure<HeadPredictions>{[](const Engine& engine, const TaskDescription& described,
                                  const SeedJob& job, std::vector<BrokenStudy>* broken) {
                                 return predict_head(engine, described, *job.data.manifest,
                                                     job.data.studies.test,
                                                     {.threads = job.threads}, broken);
                               },
                               write_predictions, read_predictions, head_rows}
      .add_to(task);
  return task;
}

}  // namespace biplane
