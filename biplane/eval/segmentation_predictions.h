#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/head_study.h"
#include "biplane/eval/results.h"

namespace biplane {

// What a segmentation head says of studies, as counts of pixels: enough for all its figures and
// their intervals. Free of LibTorch.

// Pixels of one finding in one image.
struct MaskCounts {
  std::int64_t predicted = 0, truth = 0, both = 0;
};

struct SegmentedStudy : HeadStudy {
  std::vector<MaskCounts> counts;  // of each finding
};

struct SegmentationPredictions {
  std::string views;
  std::vector<std::string> classes;  // findings
  std::int64_t pixels = 0;           // of an image
  bool exclusive = false;            // tells background and one finding apart: also mean_dice
  std::int64_t batch = 1;  // above 1: also the mean over batches of so many images in their order
  std::vector<SegmentedStudy> studies;
};

// 2 |A and B| / (|A| + |B|), and |A and B| / |A or B|; 1 where both are empty.
double dice_of(const MaskCounts& counts);
double iou_of(const MaskCounts& counts);

// As JSON lines: the head, then a line a study. Throws Error kIo.
void write_segmentation(const std::filesystem::path& file,
                        const SegmentationPredictions& predictions);
// Throws Error kMissingInput, kIo, and kBadContent naming file and line.
SegmentationPredictions read_segmentation(const std::filesystem::path& file);

// The rows of results.jsonl without corpus and split, for the studies with both views and, where
// there are others, for all. Of each finding and their mean (macro): dice_positives and iou, means
// over the images that show it; dice_with_empty_rule, mean over all images, 1 where it is neither
// there nor predicted and 0 where it is one of both; dice_with_empty_rule_by_batch, the same as
// some published figures take it: the mean of the means of batches, the last of which may be small;
// mean_dice, of background and finding over the pixels of all images together.
std::vector<ResultRow> segmentation_rows(const SegmentationPredictions& predictions,
                                         const BootstrapOptions& bootstrap, int threads);

// Dice of one finding over the pixels of all studies together: what thresholds and epochs are
// chosen by, for images without the finding count in it too. Nothing where no image shows it.
std::optional<double> pooled_dice(std::span<const MaskCounts> images);

}  // namespace biplane
