#pragma once

#include <cstdint>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/data/dataset.h"
#include "biplane/data/sample_batch.h"
#include "biplane/inference/study_batches.h"
#include "biplane/inference/task_model.h"
#include "biplane/model/batch.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Features of each view that a head reads, one vector each, of N studies. Rows of a missing view
// are zeros; of a view that the head does not read nothing is computed (undefined).
struct ViewParts {
  torch::Tensor frontal, lateral;          // (N,W), or (N,D) for features projected
  torch::Tensor has_frontal, has_lateral;  // (N) bool
};

// Parts of a batch, with a graph where gradients are on.
ViewParts view_parts(const MultiviewModel& model, const StudyBatch& batch,
                     const ClassifierConfig& config);

// The parts put together as the head reads them: (N,F).
torch::Tensor join_parts(const MultiviewModel& model, const ViewParts& parts,
                         const ClassifierConfig& config);

// The same studies without their laterals.
ViewParts hide_lateral(const ViewParts& parts);

// Rows of the parts.
ViewParts select_parts(const ViewParts& parts, const torch::Tensor& rows);

struct StudyParts {
  std::vector<std::int64_t> studies;  // (N) indices into the manifest
  ViewParts parts;
  std::vector<BrokenStudy> broken;  // left out: an image could not be read
};

// Parts of all studies of an evaluation's data set, in their order, without gradients, computed on
// the model's device and left there. Throws Error kBadContent where none can be read.
StudyParts encode_parts(const MultiviewModel& model, const StudyDataset& dataset,
                        const ClassifierConfig& config, const StudyBatchOptions& options,
                        Progress* progress = nullptr);

}  // namespace biplane
