#include "biplane/data/loader.h"

#include <utility>

#include "biplane/core/error.h"
#include "biplane/data/ordered_queue.h"

namespace biplane {
namespace {

// Failures of a study's own content; anything else (a bad option, a bug) is not to be hidden by a
// replacement.
bool is_broken_content(const Error& error) {
  return error.kind() == ErrorKind::kBadContent || error.kind() == ErrorKind::kMissingInput ||
         error.kind() == ErrorKind::kIo;
}

// Reads the samples of one batch, putting reserves in the place of broken studies.
class BatchMaker {
 public:
  BatchMaker(const StudyDataset& dataset, const BatchPlan& plan, bool training)
      : dataset_(dataset), plan_(plan), training_(training) {}

  LoadedBatch make() {
    for (const std::int64_t place : plan_.studies) {
      if (try_sample(place) || !training_) continue;
      replace();
    }
    LoadedBatch loaded;
    loaded.step = plan_.step;
    loaded.epoch = plan_.epoch;
    loaded.places = std::move(places_);
    loaded.broken = std::move(broken_);
    if (!samples_.empty())
      loaded.batch = collate(samples_, dataset_.text(), dataset_.options().image.crop);
    return loaded;
  }

 private:
  bool try_sample(std::int64_t place) {
    try {
      samples_.push_back(dataset_.sample(place, plan_.epoch));
      places_.push_back(place);
      return true;
    } catch (const Error& error) {
      if (!is_broken_content(error)) throw;
      broken_.push_back({dataset_.study(place).study_id, error.what(), {}});
      return false;
    }
  }

  void replace() {
    const std::size_t broken =
        broken_.size() - 1;  // further ones may follow while reserves are tried
    while (next_reserve_ < plan_.reserves.size()) {
      if (!try_sample(plan_.reserves[next_reserve_++])) continue;
      for (std::size_t i = broken; i < broken_.size(); ++i)
        broken_[i].replaced_by = samples_.back().study_id;
      return;
    }
    throw Error(ErrorKind::kBadContent,
                "a batch cannot be filled: " + std::to_string(broken_.size()) +
                    " studies cannot be read, the first is " + broken_.front().study_id + ": " +
                    broken_.front().reason);
  }

  const StudyDataset& dataset_;
  const BatchPlan& plan_;
  bool training_;
  std::size_t next_reserve_ = 0;
  std::vector<StudySample> samples_;
  std::vector<std::int64_t> places_;
  std::vector<BrokenStudy> broken_;
};

}  // namespace

struct StudyLoader::Impl {
  Impl(const StudyDataset& dataset, const BatchSampler& batches, const LoaderOptions& options,
       std::int64_t first_step)
      : sampler(batches),
        step(first_step),
        queue([this] { return next_plan(); },
              [this, &dataset](const BatchPlan& plan) {
                return BatchMaker(dataset, plan, sampler.options().training).make();
              },
              static_cast<int>(options.workers), static_cast<int>(options.prefetch)) {}

  std::optional<BatchPlan> next_plan() {
    if (!sampler.options().training && step >= sampler.batches_per_epoch()) return std::nullopt;
    return sampler.plan(step++);
  }

  BatchSampler sampler;
  std::int64_t step;
  std::map<std::string, std::string> broken;
  OrderedQueue<BatchPlan, LoadedBatch> queue;  // last: its threads use the members above
};

StudyLoader::StudyLoader(const StudyDataset& dataset, const BatchSampler& sampler,
                         const LoaderOptions& options, std::int64_t first_step) {
  if (sampler.options().studies != dataset.size()) {
    throw Error(ErrorKind::kUsage,
                "the sampler is for " + std::to_string(sampler.options().studies) +
                    " studies, the data set has " + std::to_string(dataset.size()));
  }
  impl_ = std::make_unique<Impl>(dataset, sampler, options, first_step);
}

StudyLoader::~StudyLoader() = default;

std::optional<LoadedBatch> StudyLoader::next() {
  while (auto loaded = impl_->queue.next()) {
    for (const BrokenStudy& study : loaded->broken)
      impl_->broken.insert_or_assign(study.study_id, study.reason);
    // An evaluation's batch of which nothing could be read has no tensors and is passed over.
    if (!loaded->places.empty()) return loaded;
  }
  return std::nullopt;
}

const std::map<std::string, std::string>& StudyLoader::broken() const { return impl_->broken; }

}  // namespace biplane
