#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "biplane/data/loader.h"
#include "biplane/inference/study_maps.h"
#include "biplane/nn/libtorch.h"
#include "biplane/tasks/augment.h"
#include "biplane/tasks/downstream_task.h"
#include "biplane/tasks/fit.h"
#include "biplane/tasks/head_training.h"

namespace biplane {

// What the loss of a dense head is made of.
struct DensePart {
  std::vector<torch::Tensor> maps;    // (B,w,h,w') of the layers that the head reads
  std::vector<std::int64_t> studies;  // (B) indices into the manifest
  std::vector<ViewChange> changes;    // (B) what was done to their images
  std::int64_t step = 0;              // from 0
};

// A head that tells of places in one view, and how it learns.
struct DenseProblem {
  std::shared_ptr<torch::nn::Module> head;
  std::function<torch::Tensor(const DensePart& part)> terms;      // (K), they add up
  std::function<torch::Tensor(const torch::Tensor& terms)> loss;  // of their sum
  std::function<SelectionScore()> select;
};

// Chooses the findings (labels.names; empty: all that are marked in training studies) and leaves
// out the studies that do not tell where these are, of the split test too, with a note.
void prepare_dense(const FinetuneConfig& config, TaskData& data);

// Maps of a frozen tower. Null where they are computed anew instead: they change, or
// dense.cache_mib does not hold them.
struct FrozenMaps {
  std::shared_ptr<const KeptMaps> train, select;
};

// What a dense head of one seed stands on: a tower, its images and their maps.
class DenseTower {
 public:
  // `single`: the head stands on one layer. `shared`: the maps that seeds have in common. Throws
  // Error kUsage naming dense.image_size where the tower cannot take it, and dense.layers for a
  // layer that it does not have.
  DenseTower(const SeedJob& job, bool single, SharedBySeeds<FrozenMaps>& shared);

  const PreprocessOptions& image() const { return image_; }
  const TowerConfig& config() const;
  // Fills in what heads of either task have in common.
  void describe(DenseHeadConfig& head, const std::string& kind) const;

  // Maps of the studies that select.
  MapSource select_maps() const;
  // Trains the head, and the tower unless dense.encoder is frozen. In training mode only within a
  // step.
  FitResult fit(const DenseProblem& problem);
  // Writes RUN/model with the tower as it is.
  void save(const TaskDescription& task, const torch::nn::Module& head) const;

 private:
  bool frozen() const { return job_.config.dense.encoder == "frozen"; }
  std::shared_ptr<const KeptMaps> keep(const char* what, const std::vector<std::int64_t>& studies,
                                       std::int64_t& bytes) const;
  double computed_step(const DenseProblem& problem, const LoadedBatch& loaded,
                       const std::vector<torch::Tensor>& parameters) const;
  FitResult fit_on_kept(const DenseProblem& problem, FitJob& fit) const;
  FitResult fit_on_images(const DenseProblem& problem, FitJob& fit) const;

  const SeedJob& job_;
  std::shared_ptr<MultiviewModel> model_;
  PreprocessOptions image_;
  MapView view_;
  std::unique_ptr<StudyDataset> select_;
  FrozenMaps kept_;
};

}  // namespace biplane
