#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "biplane/eval/evaluator.h"
#include "biplane/eval/segmentation_predictions.h"
#include "biplane/inference/segmentation_heads.h"
#include "biplane/inference/study_maps.h"
#include "biplane/inference/task_model.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// The true masks of studies in one view, (side, side) each, kept as run lengths.
class MaskTruth {
 public:
  // `studies`: indices into the manifest.
  MaskTruth(const Manifest& manifest, const std::vector<std::int64_t>& studies,
            const SegmenterConfig& config, const PreprocessOptions& image, int threads);
  // (B,C,side,side) f32, 1 inside.
  torch::Tensor masks(const std::vector<std::int64_t>& studies) const;

 private:
  std::map<std::int64_t, std::vector<std::vector<std::int64_t>>> runs_;  // of each finding
  std::int64_t side_, findings_;
};

// What a head gives for studies at several thresholds.
struct ThresholdCounts {
  std::vector<std::int64_t> studies;  // indices into the manifest
  // [threshold][finding][study]
  std::vector<std::vector<std::vector<MaskCounts>>> counts;
  torch::Tensor terms;  // (N,K) terms(logits, truth), a row a study, if asked for
  std::vector<BrokenStudy> broken;
};

struct ThresholdOptions {
  // Of each finding in turn; the same number for all.
  std::vector<std::vector<double>> thresholds;
  // (B,K) of the images of a batch.
  std::function<torch::Tensor(const SegmentationLogits& logits, const torch::Tensor& truth)> terms;
};

// Of studies by their maps of the layers that the head, in evaluation mode, reads.
ThresholdCounts count_masks(const SegmentationHead& head, const MapSource& maps,
                            const MaskTruth& truth, const ThresholdOptions& options);

// What a model's segmentation head says of the studies (indices into the manifest) that have its
// view and tell where its findings are. Studies with a broken image are left out and added to
// `broken`.
SegmentationPredictions predict_segmentation(const Engine& engine, const TaskDescription& task,
                                             const Manifest& manifest,
                                             const std::vector<std::int64_t>& studies,
                                             std::vector<BrokenStudy>* broken = nullptr);

// Segmentation by the head that `biplane finetune` trained: segmentation_rows().
class SegmentationEvaluator : public Evaluator {
 public:
  std::string task() const override { return "segmentation"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
