#include "biplane/tasks/dense_training.h"

#include <fmt/format.h>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/data/loader.h"
#include "biplane/eval/dense_truth.h"
#include "biplane/inference/feature_pyramid.h"
#include "biplane/inference/study_batches.h"
#include "biplane/model/image_tower.h"
#include "biplane/nn/one_thread.h"
#include "biplane/tasks/head_training.h"
#include "biplane/tasks/split_step.h"

namespace biplane {
namespace {

bool reads_lateral(const FinetuneConfig& config) { return config.data.views == "lateral"; }

void keep_known(const char* what, const TaskData& data, bool lateral,
                std::vector<std::int64_t>& studies, std::vector<std::string>& notes) {
  const std::size_t before = studies.size();
  studies = with_known_places(*data.manifest, studies, data.labels.names, lateral);
  if (studies.empty())
    throw Error(ErrorKind::kUsage, fmt::format("{}: no study to {} tells where the findings are",
                                               data.manifest->path().string(), what));
  if (studies.size() < before)
    notes.push_back(
        fmt::format("{} studies to {} are left out: it is not known where all of the "
                    "findings are",
                    before - studies.size(), what));
}

// One step's loss and gradients.
double dense_gradient(const SeedJob& job, const MultiviewModel& model, const DenseProblem& problem,
                      const LoadedBatch& loaded, const std::vector<torch::Tensor>& parameters) {
  const bool lateral = reads_lateral(job.config), frozen = job.config.dense.encoder == "frozen";
  const std::int64_t side = dense_image(job).crop;
  SplitStep step;
  step.rows = loaded.batch.size();
  step.parts = resolve_threads(job.config.train.threads);
  step.terms = [&](std::int64_t begin, std::int64_t end) {
    const StudyBatch own = loaded.batch.rows(begin, end);
    DensePart part;
    part.step = loaded.step;
    part.studies = studies_of(own);
    part.changes = view_changes(own, lateral, job.config.augment,
                                static_cast<std::uint64_t>(job.config.seed), loaded.epoch);
    const torch::Tensor pixels =
        change_planes(lateral ? own.lateral : own.frontal, part.changes, side);
    {
      const torch::AutoGradMode gradients_on(!frozen);
      part.maps = model.feature_maps(pixels, lateral, problem.layers);
    }
    return problem.terms(part);
  };
  step.loss = problem.loss;
  problem.head->train();
  const double loss = split_gradient(step, parameters);
  problem.head->eval();
  return loss;
}

}  // namespace

void prepare_dense(const FinetuneConfig& config, TaskData& data) {
  data.labels = config.labels;
  if (data.labels.names.empty())
    data.labels.names = marked_names(*data.manifest, data.studies.train, reads_lateral(config));
  if (data.labels.names.empty())
    throw Error(ErrorKind::kUsage, fmt::format("{}: no training study has a mask or a box in its "
                                               "{} view",
                                               data.manifest->path().string(), config.data.views));
  TaskStudies& studies = data.studies;
  const bool lateral = reads_lateral(config);
  keep_known("train on", data, lateral, studies.train, studies.notes);
  keep_known("select by", data, lateral, studies.select, studies.notes);
  keep_known("test", data, lateral, studies.test, studies.notes);
}

PreprocessOptions dense_image(const SeedJob& job) {
  const PreprocessOptions& own = job.start.description.preprocess;
  const std::int64_t asked = job.config.dense.image_size, side = asked > 0 ? asked : own.crop;
  const TowerConfig& tower = tower_of_view(job.start.description.config, job.config.data.views);
  const std::int64_t step = tower.kind == "swin" ? tower.swin.stride() : tower.vit.patch;
  if (side % step != 0)
    throw Error(ErrorKind::kUsage, fmt::format("dense.image_size = {}: must be a multiple of {}, "
                                               "the side of a patch",
                                               side, step));
  return whole_image(own, side);
}

std::vector<std::int64_t> dense_layers(const SeedJob& job, bool single) {
  const TowerConfig& tower = tower_of_view(job.start.description.config, job.config.data.views);
  const std::vector<std::int64_t>& asked = job.config.dense.layers;
  if (asked.empty()) return default_layers(tower, single);
  try {
    for (const std::int64_t layer : asked) map_shape(tower, layer);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, std::string("dense.layers: ") + error.what());
  }
  return asked;
}

FitResult fit_dense(const SeedJob& job, MultiviewModel& model, const DenseProblem& problem) {
  const auto training = task_dataset(job, job.data.studies.train,
                                     augmented_reading(dense_image(job), job.config.augment), true);
  const BatchSampler sampler = task_sampler(training->size(), job.config);
  StudyLoader loader(*training, sampler,
                     {.workers = job.config.data.workers, .prefetch = job.config.data.prefetch});
  FitJob fit = head_fit_job(job, *problem.head);
  const std::string tower = job.config.data.views + ".";
  if (job.config.dense.encoder == "trained")
    add_encoder_parameters(
        job.config.train, model, [&](const std::string& name) { return name.starts_with(tower); },
        fit.parameters);
  fit.batches_per_epoch = sampler.batches_per_epoch();
  fit.select = problem.select;
  const std::vector<torch::Tensor> parameters = values_of(fit.parameters);
  const OneThreadPerOperation one_thread;
  fit.gradient = [&](std::int64_t) {
    return dense_gradient(job, model, problem, *loader.next(), parameters);
  };
  problem.head->eval();
  FitResult result = biplane::fit(fit);
  if (!result.stopped) problem.select();  // of the best weights, for the operating points
  return result;
}

}  // namespace biplane
