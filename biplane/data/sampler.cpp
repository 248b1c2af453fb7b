#include "biplane/data/sampler.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "biplane/core/error.h"
#include "biplane/core/random.h"

namespace biplane {

BatchSampler::BatchSampler(const SamplerOptions& options) : options_(options) {
  if (options.batch < 1 || options.world < 1 || options.rank < 0 || options.rank >= options.world) {
    throw Error(ErrorKind::kUsage, "the sampler's batch is " + std::to_string(options.batch) +
                                       ", its rank " + std::to_string(options.rank) + " of " +
                                       std::to_string(options.world) +
                                       "; a batch holds at least one study");
  }
  const std::int64_t global = options.batch * options.world;
  const bool full = options.training && !options.keep_last;
  per_epoch_ = full ? options.studies / global : (options.studies + global - 1) / global;
  if (per_epoch_ < 1) {
    throw Error(ErrorKind::kUsage, "a batch of " + std::to_string(global) +
                                       " cannot be filled: there are only " +
                                       std::to_string(options.studies) + " studies to train on");
  }
}

std::vector<std::int64_t> BatchSampler::order(std::int64_t epoch) const {
  if (options_.training) {
    return CounterRandom(options_.seed, "order", {static_cast<std::uint64_t>(epoch)})
        .permutation(options_.studies);
  }
  std::vector<std::int64_t> identity(static_cast<std::size_t>(options_.studies));
  std::iota(identity.begin(), identity.end(), 0);
  return identity;
}

BatchPlan BatchSampler::plan(std::int64_t step) {
  BatchPlan plan;
  plan.step = step;
  plan.epoch = step / per_epoch_;
  if (plan.epoch != cached_epoch_) {
    cached_order_ = order(plan.epoch);
    cached_epoch_ = plan.epoch;
  }
  const std::int64_t global = options_.batch * options_.world;
  const std::int64_t global_begin = step % per_epoch_ * global;
  const std::int64_t global_end = std::min(global_begin + global, options_.studies);
  const std::int64_t begin = std::min(global_begin + options_.rank * options_.batch, global_end);
  const std::int64_t end = std::min(begin + options_.batch, global_end);
  plan.studies.assign(cached_order_.begin() + begin, cached_order_.begin() + end);
  // Reserves of different ranks are interleaved, so that no two ranks take the same study.
  const std::int64_t others = options_.studies - (global_end - global_begin);
  for (std::int64_t i = options_.rank; i < others; i += options_.world) {
    if (static_cast<std::int64_t>(plan.reserves.size()) >= options_.max_reserves) break;
    plan.reserves.push_back(
        cached_order_[static_cast<std::size_t>((global_end + i) % options_.studies)]);
  }
  return plan;
}

}  // namespace biplane
