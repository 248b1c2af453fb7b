#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "biplane/data/dataset.h"
#include "biplane/data/sample_batch.h"
#include "biplane/data/sampler.h"
#include "biplane/model/batch.h"

namespace biplane {

struct LoadedBatch {
  StudyBatch batch;
  std::int64_t step = 0, epoch = 0;  // as BatchPlan
  std::vector<std::int64_t> places;  // in the data set, one a row of the batch
  std::vector<BrokenStudy> broken;
};

struct LoaderOptions {
  std::int64_t workers = 2;   // threads; 0: batches are made in next()
  std::int64_t prefetch = 4;  // batches made ahead
};

// Puts samples into tensors. T is the longest report of the batch, rounded up to a multiple of 8
// and at most `max_tokens`; pixels are (B,3,H,W) views of (B,1,H,W), three equal channels. samples:
// at least one.
StudyBatch collate(const std::vector<StudySample>& samples, const TextPipeline& text,
                   std::int64_t crop);

// A batch of texts alone, for prompts and queries: pixels are undefined, no view is there, nothing
// is masked.
StudyBatch collate_texts(const std::vector<std::string>& texts, const TextPipeline& text);

// Batches of a data set in the order of its sampler, made ahead on worker threads; they do not
// depend on the number of workers. In training a study that cannot be read is replaced by the next
// valid one of the epoch's order.
class StudyLoader {
 public:
  // `dataset` must outlive the loader. `first_step`: the batch to begin with (resume).
  StudyLoader(const StudyDataset& dataset, const BatchSampler& sampler,
              const LoaderOptions& options, std::int64_t first_step = 0);
  ~StudyLoader();
  StudyLoader(const StudyLoader&) = delete;
  StudyLoader& operator=(const StudyLoader&) = delete;

  // The next batch, or nothing after the last one of an evaluation. Throws the Error of a worker,
  // and Error kBadContent when so many studies are broken that a batch cannot be filled.
  std::optional<LoadedBatch> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace biplane
