#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/eval/dense_truth.h"
#include "biplane/imaging/preprocess.h"
#include "biplane/model/batch.h"
#include "biplane/nn/libtorch.h"
#include "biplane/tasks/finetune_config.h"

namespace biplane {

// A rectangle of an image.
struct CropBox {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};

// Random area and ratio of sides as torchvision's RandomResizedCrop draws them; the whole image
// where ten tries do not fit.
CropBox random_resized_crop(std::int64_t height, std::int64_t width, const AugmentConfig& config,
                            CounterRandom& random);

// An image turned clockwise and scaled about its middle.
struct Turn {
  double degrees = 0;
  double scale = 1;
};

// What is done to one view.
struct ViewChange {
  std::optional<Turn> turn;     // of the whole image; black comes in from outside
  std::optional<CropBox> crop;  // cut out and resized to the input's side
  bool flip = false;            // left and right exchanged, after that
};

// What to do with the frontals or laterals of a batch, one entry a row: a pure function of (seed,
// epoch, study).
std::vector<ViewChange> view_changes(const StudyBatch& batch, bool lateral,
                                     const AugmentConfig& config, std::uint64_t seed,
                                     std::int64_t epoch);

// Images or masks (B,C,H,W) so changed, (B,C,side,side).
torch::Tensor change_planes(const torch::Tensor& planes, const std::vector<ViewChange>& changes,
                            std::int64_t side);

// Boxes of an image of that side in the same way; of a turned one the upright one around it. Of
// what is cut off a box is left where its middle stays inside.
std::vector<FindingBox> change_boxes(const std::vector<FindingBox>& boxes, const ViewChange& change,
                                     std::int64_t side);

// How training images are read so that augment_views() can cut and resize them: whole, of the
// preprocessing's size, where augment.crop_scale is set.
PreprocessOptions augmented_reading(PreprocessOptions image, const AugmentConfig& config);

// Turns, crops, resizes to (side, side) and flips the images of a batch. What is done to a view is
// a pure function of (seed, epoch, study).
void augment_views(StudyBatch& batch, const AugmentConfig& config, std::int64_t side,
                   std::uint64_t seed, std::int64_t epoch);

}  // namespace biplane
