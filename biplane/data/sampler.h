#pragma once

#include <cstdint>
#include <vector>

namespace biplane {

// Where one batch of training or evaluation comes from.
struct BatchPlan {
  std::int64_t step = 0;              // number of the batch since the beginning, 0-based
  std::int64_t epoch = 0;             // pass over the data it belongs to
  std::vector<std::int64_t> studies;  // places in the data set, in batch order
  // Places that follow in the epoch's order (going round), never in `studies`: what replaces a
  // broken study.
  std::vector<std::int64_t> reserves;
};

struct SamplerOptions {
  std::int64_t studies = 0;  // in the data set
  std::int64_t batch = 0;    // of one rank
  std::uint64_t seed = 0;
  bool training = true;  // shuffled and endless; false: one pass, in order, the last batch may be
                         // smaller
  // In training the last incomplete batch of an epoch is a batch; false: is dropped. Of several
  // ranks the last ones may then have none of it.
  bool keep_last = false;
  std::int64_t rank = 0,
               world =
                   1;  // the global batch of batch * world studies is cut into consecutive parts
  std::int64_t max_reserves = 64;
};

// The order of the data: a pure function of (seed, epoch), so that training can go on at any step
// without replaying.
class BatchSampler {
 public:
  // Throws Error kUsage when training would never fill a batch (fewer studies than batch * world)
  // that must be full.
  explicit BatchSampler(const SamplerOptions& options);

  std::int64_t batches_per_epoch() const { return per_epoch_; }
  // The plan of batch `step`. In evaluation step < batches_per_epoch(). Not thread-safe (keeps the
  // epoch's order).
  BatchPlan plan(std::int64_t step);
  // The order of an epoch: a permutation of 0 .. studies-1 (the identity in evaluation).
  std::vector<std::int64_t> order(std::int64_t epoch) const;

  const SamplerOptions& options() const { return options_; }

 private:
  SamplerOptions options_;
  std::int64_t per_epoch_ = 0;
  std::int64_t cached_epoch_ = -1;
  std::vector<std::int64_t> cached_order_;
};

}  // namespace biplane
