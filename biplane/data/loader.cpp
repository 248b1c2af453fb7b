#include "biplane/data/loader.h"

#include <utility>

#include "biplane/core/error.h"
#include "biplane/data/ordered_queue.h"

namespace biplane {
namespace {

LoadedBatch make_batch(const StudyDataset& dataset, const BatchPlan& plan, bool training) {
  SampleBatch read = read_batch(dataset, plan, training);
  LoadedBatch loaded{{}, read.step, read.epoch, std::move(read.places), std::move(read.broken)};
  if (!read.samples.empty())
    loaded.batch = collate(read.samples, dataset.text(), dataset.options().image.crop);
  return loaded;
}

}  // namespace

struct StudyLoader::Impl {
  Impl(const StudyDataset& dataset, const BatchSampler& batches, const LoaderOptions& options,
       std::int64_t first_step)
      : sampler(batches),
        step(first_step),
        queue([this] { return next_plan(); },
              [this, &dataset](const BatchPlan& plan) {
                return make_batch(dataset, plan, sampler.options().training);
              },
              static_cast<int>(options.workers), static_cast<int>(options.prefetch)) {}

  std::optional<BatchPlan> next_plan() {
    if (!sampler.options().training && step >= sampler.batches_per_epoch()) return std::nullopt;
    return sampler.plan(step++);
  }

  BatchSampler sampler;
  std::int64_t step;
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
    // An evaluation's batch of which nothing could be read has no tensors and is passed over.
    if (!loaded->places.empty()) return loaded;
  }
  return std::nullopt;
}

}  // namespace biplane
