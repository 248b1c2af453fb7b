#include "biplane/train/loader_source.h"

#include <fmt/format.h>

#include <utility>

#include "biplane/train/late_size.h"

namespace biplane {
namespace {

constexpr std::size_t kBrokenNamed = 5;  // broken studies named in a line of the log

}  // namespace

LoaderSource::LoaderSource(std::shared_ptr<const StudyDataset> dataset,
                           const PretrainConfig& config,
                           std::function<void(const std::string&)> log)
    : dataset_(std::move(dataset)),
      sampler_({.studies = dataset_->size(),
                .batch = config.train.batch,
                .seed = static_cast<std::uint64_t>(config.seed)}),
      config_(config),
      log_(std::move(log)),
      steps_(total_steps(config.train, sampler_.batches_per_epoch())) {}

// Starts the loader at a batch, with the images of its size.
void LoaderSource::open(std::int64_t index) {
  loader_.reset();  // its threads use the data set
  const PreprocessOptions image = image_of_step(config_, steps_, index);
  if (image.crop != dataset_->options().image.crop) dataset_ = dataset_->at_size(image);
  loader_.emplace(*dataset_, sampler_,
                  LoaderOptions{.workers = config_.data.workers, .prefetch = config_.data.prefetch},
                  index);
}

StudyBatch LoaderSource::batch(std::int64_t index) {
  if (!loader_) epoch_ = index / batches_per_epoch();
  if (!loader_ || index == late_start(config_.train, steps_)) open(index);
  std::optional<LoadedBatch> loaded = loader_->next();
  TORCH_CHECK(loaded && loaded->step == index, "the loader is not at batch ", index);
  if (loaded->epoch != epoch_) report();
  epoch_ = loaded->epoch;
  for (const BrokenStudy& study : loaded->broken) broken_.emplace(study.study_id, study.reason);
  return std::move(loaded->batch);
}

void LoaderSource::report() {
  if (broken_.empty()) return;
  std::string line = fmt::format(
      "warning: epoch {}: {} studies could not be read and were replaced:", epoch_, broken_.size());
  std::size_t named = 0;
  for (const auto& [id, reason] : broken_) {
    if (named++ == kBrokenNamed) break;
    line += fmt::format(" {} ({})", id, reason);
  }
  log_(line + (broken_.size() > kBrokenNamed ? " ..." : ""));
  broken_.clear();
}

}  // namespace biplane
