#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "biplane/eval/detection_predictions.h"
#include "biplane/eval/evaluator.h"
#include "biplane/inference/detection_heads.h"
#include "biplane/inference/study_maps.h"
#include "biplane/inference/task_model.h"

namespace biplane {

// The true boxes of studies in one view, by their indices into the manifest.
using BoxTruth = std::map<std::int64_t, std::vector<FindingBox>>;

BoxTruth read_box_truth(const Manifest& manifest, const std::vector<std::int64_t>& studies,
                        const DetectorConfig& config, const PreprocessOptions& image, int threads);

// What draws boxes: a head in evaluation mode.
struct BoxReader {
  const DetectionHead& head;
  const DetectorConfig& config;
};

struct DetectedBoxes {
  DetectionPredictions predictions;
  torch::Tensor terms;  // sum of terms(output, studies) over all batches, if asked for
  std::vector<BrokenStudy> broken;
};

using BoxTerms = std::function<torch::Tensor(const DetectionHead::Output& output,
                                             const std::vector<std::int64_t>& studies)>;

// Of studies of the manifest by their maps of the layers that the head reads.
DetectedBoxes detect(const BoxReader& reader, const MapSource& maps, const Manifest& manifest,
                     const BoxTruth& truth, const BoxTerms& terms = {});

// What a model's detection head says of the studies (indices into the manifest) that have its view
// and tell where its findings are. Studies with a broken image are left out and added to `broken`.
DetectionPredictions predict_detection(const Engine& engine, const TaskDescription& task,
                                       const Manifest& manifest,
                                       const std::vector<std::int64_t>& studies,
                                       std::vector<BrokenStudy>* broken = nullptr);

// Detection by the head that `biplane finetune` trained: detection_rows().
class DetectionEvaluator : public Evaluator {
 public:
  std::string task() const override { return "detection"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
