#pragma once

#include <memory>
#include <vector>

#include "biplane/data/dataset.h"
#include "biplane/eval/head_predictions.h"
#include "biplane/inference/task_features.h"
#include "biplane/tasks/downstream_task.h"
#include "biplane/tasks/fit.h"
#include "biplane/tasks/head_training.h"

namespace biplane {

// Features of a frozen encoder, computed once for all seeds.
struct FrozenFeatures {
  StudyParts train, select;
};

// Training of a classifier with one seed.
class ClassifierTraining {
 public:
  explicit ClassifierTraining(const SeedJob& job);

  // Whether the encoder's features stay as they are, so that they are computed once.
  bool on_features() const;
  // Trains the head on features, which `shared` keeps for the seeds that follow.
  FitResult fit_features(SharedBySeeds<FrozenFeatures>& shared);
  // Trains through the encoder, which learns too unless the task is linear.
  FitResult fit_encoder();
  // Chooses the operating points on the studies that select and writes RUN/model.
  void save();

 private:
  std::unique_ptr<StudyDataset> dataset(const std::vector<std::int64_t>& studies,
                                        bool training) const;
  StudyParts encode(const StudyDataset& dataset, const char* what) const;
  SelectionScore score(const StudyParts& parts);
  torch::Tensor targets(const std::vector<std::int64_t>& studies) const;
  double encoder_gradient(const StudyBatch& batch, const torch::Tensor& targets, std::int64_t epoch,
                          const std::vector<torch::Tensor>& parameters) const;

  const SeedJob& job_;
  torch::Device device_;  // of model, head and all that they meet
  ClassifierConfig classifier_;
  std::shared_ptr<MultiviewModel> model_;
  std::shared_ptr<ClassifierHead> head_;
  PredictedColumn selected_;  // of the last selection
};

}  // namespace biplane
