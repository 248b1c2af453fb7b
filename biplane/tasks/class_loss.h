#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/study.h"
#include "biplane/corpus/task_labels.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// (N,C) f32 of label_row() for the studies `chosen`; NaN where nothing is known.
torch::Tensor label_tensor(const TaskLabels& labels, const Manifest& manifest,
                           const std::vector<std::int64_t>& chosen);

// What a classification loss is a mean over: the known labels, or of a multiclass head the studies.
std::int64_t known_targets(const torch::Tensor& targets, const std::string& kind);

// Sum of the loss, so that parts of a batch add up; logits and targets (B,C). multilabel: binary
// cross-entropy over the known labels, the others give neither value nor gradient; multiclass:
// cross-entropy.
torch::Tensor class_loss_sum(const torch::Tensor& logits, const torch::Tensor& targets,
                             const std::string& kind);

}  // namespace biplane
