#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "biplane/core/random.h"
#include "biplane/imaging/preprocess.h"
#include "biplane/model/batch.h"
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

// How training images are read so that augment_views() can cut and resize them: whole, of the
// preprocessing's size, where augment.crop_scale is set.
PreprocessOptions augmented_reading(PreprocessOptions image, const AugmentConfig& config);

// Crops, resizes to (side, side) and flips the images of a batch. What is done to a view is a pure
// function of (seed, epoch, study).
void augment_views(StudyBatch& batch, const AugmentConfig& config, std::int64_t side,
                   std::uint64_t seed, std::int64_t epoch);

}  // namespace biplane
