#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/data/dataset.h"
#include "biplane/data/sample_batch.h"
#include "biplane/model/batch.h"

namespace biplane {

struct StudyBatchOptions {
  std::int64_t batch = 32;
  int threads = 0;  // batches at the same time; 0: one per core
};

// What becomes of one batch: its number, counted from 0, and its readable studies, at least one;
// batch.study_index are their places in the manifest.
using StudyBatchBody = std::function<void(std::int64_t number, const StudyBatch& batch)>;

std::vector<std::int64_t> studies_of(const StudyBatch& batch);  // study_index as plain numbers

std::int64_t batch_count(const StudyDataset& dataset, const StudyBatchOptions& options);

// Reads all studies of an evaluation's data set once and calls `body` for every batch, without
// gradients and with one thread inside LibTorch's operators. Returns the studies that cannot be
// read, which are left out. Throws Error kBadContent where none can be read.
std::vector<BrokenStudy> for_each_batch(const StudyDataset& dataset,
                                        const StudyBatchOptions& options,
                                        const StudyBatchBody& body, Progress* progress = nullptr);

}  // namespace biplane
