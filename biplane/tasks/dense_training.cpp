#include "biplane/tasks/dense_training.h"

#include <fmt/format.h>

#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/eval/dense_truth.h"
#include "biplane/inference/feature_pyramid.h"
#include "biplane/model/image_tower.h"
#include "biplane/nn/one_thread.h"
#include "biplane/tasks/split_step.h"

namespace biplane {
namespace {

constexpr int kMebibyteBits = 20;

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

const TowerConfig& tower_of(const SeedJob& job) {
  return tower_of_view(job.start.description.config, job.config.data.views);
}

PreprocessOptions dense_image(const SeedJob& job) {
  const PreprocessOptions& own = job.start.description.preprocess;
  const std::int64_t asked = job.config.dense.image_size, side = asked > 0 ? asked : own.crop;
  const TowerConfig& tower = tower_of(job);
  const std::int64_t step = tower.kind == "swin" ? tower.swin.stride() : tower.vit.patch;
  if (side % step != 0)
    throw Error(ErrorKind::kUsage, fmt::format("dense.image_size = {}: must be a multiple of {}, "
                                               "the side of a patch",
                                               side, step));
  return whole_image(own, side);
}

std::vector<std::int64_t> dense_layers(const SeedJob& job, bool single) {
  const TowerConfig& tower = tower_of(job);
  const std::vector<std::int64_t>& asked = job.config.dense.layers;
  if (asked.empty()) return default_layers(tower, single);
  try {
    for (const std::int64_t layer : asked) map_shape(tower, layer);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, std::string("dense.layers: ") + error.what());
  }
  return asked;
}

// One step's loss and gradients; `part`: the rows [begin, end) of its batch.
double dense_gradient(const SeedJob& job, const DenseProblem& problem, std::int64_t rows,
                      const std::function<DensePart(std::int64_t, std::int64_t)>& part,
                      const std::vector<torch::Tensor>& parameters) {
  SplitStep step;
  step.rows = rows;
  step.parts = resolve_threads(job.config.train.threads);
  step.terms = [&](std::int64_t begin, std::int64_t end) {
    return problem.terms(part(begin, end));
  };
  step.loss = problem.loss;
  problem.head->train();
  const double loss = split_gradient(step, parameters);
  problem.head->eval();
  return loss;
}

// The places of a batch; a broken one is replaced as a loader would.
std::vector<std::int64_t> readable_places(const BatchPlan& plan, const KeptMaps& kept) {
  std::vector<std::int64_t> places;
  auto reserve = plan.reserves.begin();
  const auto broken = [&](std::int64_t place) {
    return kept.maps[static_cast<std::size_t>(place)].empty();
  };
  for (std::int64_t place : plan.studies) {
    while (broken(place)) {
      if (reserve == plan.reserves.end())
        throw Error(ErrorKind::kBadContent,
                    "a batch cannot be filled: " + std::to_string(kept.broken.size()) +
                        " studies cannot be read");
      place = *reserve++;
    }
    places.push_back(place);
  }
  return places;
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

DenseTower::DenseTower(const SeedJob& job, bool single, SharedBySeeds<FrozenMaps>& shared)
    : job_(job),
      model_(make_start(job.start, job.config)),
      image_(dense_image(job)),
      view_{*model_, reads_lateral(job.config), dense_layers(job, single), frozen()},
      select_(task_dataset(job, job.data.studies.select, image_, false)) {
  if (!frozen()) return;
  kept_ = shared.get(job, [&] {
    std::int64_t bytes = job.config.dense.cache_mib << kMebibyteBits;
    FrozenMaps kept;
    if (!job.config.augment.any()) kept.train = keep("train", job.data.studies.train, bytes);
    kept.select = keep("select", job.data.studies.select, bytes);
    return kept;
  });
}

const TowerConfig& DenseTower::config() const { return tower_of(job_); }

void DenseTower::describe(DenseHeadConfig& head, const std::string& kind) const {
  head.names = job_.data.labels.names;
  head.views = job_.config.data.views;
  head.head = kind;
  head.layers = view_.layers;
  head.channels = job_.config.dense.channels;
}

// Takes what it keeps from `bytes`.
std::shared_ptr<const KeptMaps> DenseTower::keep(const char* what,
                                                 const std::vector<std::int64_t>& studies,
                                                 std::int64_t& bytes) const {
  const std::int64_t needed = map_bytes(config(), view_.layers, image_.crop) * std::ssize(studies);
  if (needed > bytes) {
    job_.folder.log(
        fmt::format("{}: the maps of {} studies take {} MiB, dense.cache_mib = {} "
                    "does not hold them: they are computed anew every time",
                    what, studies.size(), needed >> kMebibyteBits, job_.config.dense.cache_mib));
    return nullptr;
  }
  bytes -= needed;
  const auto dataset = task_dataset(job_, studies, image_, false);
  return std::make_shared<const KeptMaps>(encode_once(
      job_, what, dataset->size(),
      [&](Progress& progress) { return keep_maps(view_, *dataset, job_.threads, &progress); }));
}

MapSource DenseTower::select_maps() const {
  const StudyBatchOptions options{.batch = kMapBatch, .threads = job_.threads};
  return kept_.select ? kept_maps(*kept_.select, options) : computed_maps(view_, *select_, options);
}

double DenseTower::computed_step(const DenseProblem& problem, const LoadedBatch& loaded,
                                 const std::vector<torch::Tensor>& parameters) const {
  // Maps of images that are drawn anew are never kept: they may be computed together, which is
  // faster for small towers.
  MapView view = view_;
  view.one_by_one = frozen() && !job_.config.augment.any();
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    const StudyBatch own = loaded.batch.rows(begin, end);
    DensePart part;
    part.step = loaded.step;
    part.studies = studies_of(own);
    part.changes = view_changes(own, view.lateral, job_.config.augment,
                                static_cast<std::uint64_t>(job_.config.seed), loaded.epoch);
    const torch::AutoGradMode gradients_on(!frozen());
    part.maps =
        encode_maps(view, change_planes(view_pixels(own, view.lateral), part.changes, image_.crop));
    return part;
  };
  return dense_gradient(job_, problem, loaded.batch.size(), part, parameters);
}

FitResult DenseTower::fit_on_images(const DenseProblem& problem, FitJob& fit) const {
  const auto training = task_dataset(job_, job_.data.studies.train,
                                     augmented_reading(image_, job_.config.augment), true);
  const BatchSampler sampler = task_sampler(training->size(), job_.config);
  StudyLoader loader(*training, sampler,
                     {.workers = job_.config.data.workers, .prefetch = job_.config.data.prefetch});
  fit.batches_per_epoch = sampler.batches_per_epoch();
  const std::vector<torch::Tensor> parameters = values_of(fit.parameters);
  fit.gradient = [&](std::int64_t) { return computed_step(problem, *loader.next(), parameters); };
  return biplane::fit(fit);
}

FitResult DenseTower::fit_on_kept(const DenseProblem& problem, FitJob& fit) const {
  const KeptMaps& kept = *kept_.train;
  BatchSampler sampler = task_sampler(std::ssize(kept.studies), job_.config);
  fit.batches_per_epoch = sampler.batches_per_epoch();
  const std::vector<torch::Tensor> parameters = values_of(fit.parameters);
  fit.gradient = [&](std::int64_t step) {
    const std::vector<std::int64_t> places = readable_places(sampler.plan(step), kept);
    const auto part = [&](std::int64_t begin, std::int64_t end) {
      const std::span own(places.begin() + begin, places.begin() + end);
      MapBatch batch = join_maps(kept, own);
      return DensePart{std::move(batch.maps), std::move(batch.studies),
                       std::vector<ViewChange>(own.size()), step};
    };
    return dense_gradient(job_, problem, std::ssize(places), part, parameters);
  };
  return biplane::fit(fit);
}

FitResult DenseTower::fit(const DenseProblem& problem) {
  FitJob fit = head_fit_job(job_, *problem.head);
  const std::string tower = job_.config.data.views + ".";
  if (!frozen())
    add_encoder_parameters(
        job_.config.train, *model_,
        [&](const std::string& name) { return name.starts_with(tower); }, fit.parameters);
  fit.select = problem.select;
  const OneThreadPerOperation one_thread;
  problem.head->eval();
  FitResult result = kept_.train ? fit_on_kept(problem, fit) : fit_on_images(problem, fit);
  if (!result.stopped) problem.select();  // of the best weights, for the operating points
  return result;
}

void DenseTower::save(const TaskDescription& task, const torch::nn::Module& head) const {
  save_task_model(job_, task, image_, *model_, head);
}

}  // namespace biplane
