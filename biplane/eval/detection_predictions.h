#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/dense_truth.h"
#include "biplane/eval/detection_metrics.h"
#include "biplane/eval/head_study.h"
#include "biplane/eval/results.h"

namespace biplane {

// What a detection head says of studies: boxes beside the true ones, pixels of the model's input.
// Free of LibTorch.

struct ScoredBox {
  FindingBox box;
  double score = 0;
};

struct DetectedStudy : HeadStudy {
  std::vector<FindingBox> truth;
  std::vector<ScoredBox> predictions;
};

struct DetectionPredictions {
  std::string views;
  std::vector<std::string> classes;  // findings
  std::vector<DetectedStudy> studies;
};

// As JSON lines: the head, then a line a study. Throws Error kIo.
void write_detection(const std::filesystem::path& file, const DetectionPredictions& predictions);
// Throws Error kMissingInput, kIo, and kBadContent naming file and line.
DetectionPredictions read_detection(const std::filesystem::path& file);

// The rows of results.jsonl without corpus and split, for the studies with both views and, where
// there are others, for all. Of each finding and their mean (macro), over IoU 0.4:0.05:0.75: map,
// which counts all images; map_published, which leaves out those without predictions or without
// truth, as some published figures do; map_constant_box, what one list of boxes reaches that is the
// same for every image and the best one for these very images (constant_boxes()): where findings
// lie, without a look at any image.
std::vector<ResultRow> detection_rows(const DetectionPredictions& predictions,
                                      const BootstrapOptions& bootstrap, int threads);

// mAP of the predictions; nothing where there is no true box.
std::optional<double> detection_map(const DetectionPredictions& predictions);

// Up to `most` boxes of one finding with falling scores that, predicted in every image alike, reach
// the highest mAP on these images that is found by adding the best one of the true boxes (a sample
// of them, evenly drawn) again and again.
std::vector<ScoredBox> constant_boxes(const DetectionPredictions& predictions, std::int64_t finding,
                                      std::int64_t most = 4);

}  // namespace biplane
