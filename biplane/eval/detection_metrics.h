#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace biplane {

// Average precision of boxes by the conventions of COCO (pycocotools' COCOeval for boxes, all
// areas), free of LibTorch.

// Corner and size, in any one unit.
struct DetectionBox {
  double x = 0, y = 0, w = 0, h = 0;
};

struct TruthBox {
  std::int64_t image = 0, category = 0;  // from 0
  DetectionBox box;
};

struct PredictedBox {
  std::int64_t image = 0, category = 0;
  DetectionBox box;
  double score = 0;
};

// What an image has of one category.
struct DetectionImage {
  std::vector<DetectionBox> truth;
  std::vector<PredictedBox> predictions;
};

// Intersection over union; 0 where the boxes do not overlap.
double box_iou(const DetectionBox& a, const DetectionBox& b);

// IoU thresholds 0.40, 0.45 ... 0.75, of the chest X-ray detection protocols.
std::vector<double> detection_thresholds();

struct DetectionOptions {
  std::int64_t images = 0, categories = 1;
  std::vector<double> thresholds = detection_thresholds();
  std::int64_t per_image = 100;  // the best-scored predictions of an image and category that count
  // Leaves out images that lack predictions or truth, as some published figures do; else all count.
  bool only_images_with_both = false;
};

// Predictions matched with the truth once: each takes, by falling score, the free truth box of the
// same image and category with the highest IoU at or above the threshold (of equal ones the later).
// Average precision under many weightings of the images then costs one pass each (bootstrap).
class DetectionMatches {
 public:
  // Throws Error kUsage for an image or category out of range; kFailure for a number that is not
  // finite.
  DetectionMatches(std::span<const TruthBox> truth, std::span<const PredictedBox> predictions,
                   const DetectionOptions& options);

  // Mean precision at recall 0, 0.01 ... 1 (each the highest at that recall or above). Undefined
  // where the category has no truth. Predictions of equal score count in the order of their images,
  // then of the list. `weight`: how often each image counts; empty: once.
  std::optional<double> average_precision(std::size_t threshold, std::int64_t category,
                                          std::span<const double> weight = {}) const;
  // Share of the truth boxes that are found at all.
  std::optional<double> recall(std::size_t threshold, std::int64_t category,
                               std::span<const double> weight = {}) const;
  // Mean of average_precision over thresholds and the categories that have truth.
  std::optional<double> mean_average_precision(std::span<const double> weight = {}) const;

 private:
  struct Entry {
    std::int64_t image = 0;
    std::vector<bool> hit;  // by threshold
  };
  struct Category {
    std::vector<Entry> predictions;   // by falling score
    std::vector<std::int64_t> truth;  // the image of each truth box
  };
  Category match_all(const std::vector<DetectionImage>& images) const;
  double truth_weight(const Category& category, std::span<const double> weight) const;
  const Category& at(std::int64_t category, std::span<const double> weight) const;

  DetectionOptions options_;
  std::vector<Category> categories_;
};

}  // namespace biplane
