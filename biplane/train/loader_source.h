#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "biplane/data/loader.h"
#include "biplane/train/pretrain_config.h"

namespace biplane {

// Batches of a pre-training run from the loader, which starts with the first batch that is asked
// for, at the image size of each step (late_size.h). Says at the end of each epoch which studies
// could not be read.
class LoaderSource {
 public:
  // `dataset` of data.image. Throws Error kUsage where it has fewer studies than a batch.
  LoaderSource(std::shared_ptr<const StudyDataset> dataset, const PretrainConfig& config,
               std::function<void(const std::string&)> log);

  std::int64_t batches_per_epoch() const { return sampler_.batches_per_epoch(); }
  std::int64_t steps() const { return steps_; }  // of the run

  // Batches in order, from any number on.
  StudyBatch batch(std::int64_t index);

  // One line about the studies of the epoch that were replaced, if any.
  void report();

 private:
  void open(std::int64_t index);

  std::shared_ptr<const StudyDataset> dataset_;
  BatchSampler sampler_;
  PretrainConfig config_;
  std::function<void(const std::string&)> log_;
  std::int64_t steps_ = 0;
  std::optional<StudyLoader> loader_;
  std::int64_t epoch_ = 0;
  std::map<std::string, std::string> broken_;  // study id -> reason
};

}  // namespace biplane
