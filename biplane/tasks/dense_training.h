#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "biplane/tasks/augment.h"
#include "biplane/tasks/downstream_task.h"
#include "biplane/tasks/fit.h"

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
  std::vector<std::int64_t> layers;
  std::function<torch::Tensor(const DensePart& part)> terms;      // (K), they add up
  std::function<torch::Tensor(const torch::Tensor& terms)> loss;  // of their sum
  std::function<SelectionScore()> select;
};

// Chooses the findings (labels.names; empty: all that are marked in training studies) and leaves
// out the studies that do not tell where these are, of the split test too, with a note.
void prepare_dense(const FinetuneConfig& config, TaskData& data);

// The side of the images and their preprocessing. Throws Error kUsage naming dense.image_size where
// the tower cannot take it.
PreprocessOptions dense_image(const SeedJob& job);

// dense.layers, or those that suit the head. Throws Error kUsage naming the key for a layer that
// the tower does not have.
std::vector<std::int64_t> dense_layers(const SeedJob& job, bool single);

// Trains the head, and the tower unless dense.encoder is frozen. In training mode only within a
// step.
FitResult fit_dense(const SeedJob& job, MultiviewModel& model, const DenseProblem& problem);

}  // namespace biplane
