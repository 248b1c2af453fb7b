#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/data/dataset.h"
#include "biplane/data/sampler.h"

namespace biplane {

// A study that could not be read.
struct BrokenStudy {
  std::string study_id, reason;
  std::string replaced_by;  // study id; empty in evaluation, where a broken study is left out
};

// True for failures of a study's own content; anything else (a bad option, a bug) is not to be
// hidden by leaving the study out.
bool is_broken_content(const Error& error);

// The studies of one batch as they are read, before they become tensors.
struct SampleBatch {
  std::int64_t step = 0, epoch = 0;  // as BatchPlan
  std::vector<StudySample> samples;
  std::vector<std::int64_t> places;  // in the data set, one a sample
  std::vector<BrokenStudy> broken;
};

// Reads the batch of a plan. In training a study that cannot be read is replaced by the next valid
// one of the plan's reserves; Error kBadContent when they do not suffice. Safe to call from many
// threads.
SampleBatch read_batch(const StudyDataset& dataset, const BatchPlan& plan, bool training);

}  // namespace biplane
