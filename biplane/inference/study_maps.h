#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/data/dataset.h"
#include "biplane/inference/study_batches.h"
#include "biplane/model/multiview_model.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Feature maps of one view of studies, which heads that tell of places stand on.

constexpr std::int64_t kMapBatch = 8;  // images that a head sees at once

// Whose maps.
struct MapView {
  const MultiviewModel& model;
  bool lateral = false;
  std::vector<std::int64_t> layers;  // of the tower (ImageTower::maps)
  // Each image on its own: its maps then have the same bits in every batch, so that kept ones are
  // those that would be computed anew.
  bool one_by_one = false;
};

// Of each layer (B,w,h,w') of the view's pixels in a batch.
std::vector<torch::Tensor> encode_maps(const MapView& view, const torch::Tensor& pixels);

// The view's pixels of a batch (B,3,H,W).
const torch::Tensor& view_pixels(const StudyBatch& batch, bool lateral);

struct MapBatch {
  std::vector<std::int64_t> studies;  // (B) indices into the manifest
  std::vector<torch::Tensor> maps;    // of each layer (B,w,h,w')
};

using MapBody = std::function<void(std::int64_t number, const MapBatch& batch)>;

// Maps of studies batch by batch: each() calls its argument as for_each_batch() does and returns
// the studies that are left out.
struct MapSource {
  std::int64_t side = 0;     // of the images, pixels
  std::int64_t batches = 0;  // numbers run from 0 to below
  std::function<std::vector<BrokenStudy>(const MapBody& body)> each;
};

// Computed at every call of each(). Model and data set must outlive it.
MapSource computed_maps(const MapView& view, const StudyDataset& dataset,
                        const StudyBatchOptions& options);

// Maps that were computed once; by places in the data set.
struct KeptMaps {
  std::int64_t side = 0;
  std::vector<std::int64_t> studies;             // indices into the manifest; -1: broken
  std::vector<std::vector<torch::Tensor>> maps;  // of each layer (1,w,h,w'); none where broken
  std::vector<BrokenStudy> broken;
};

// Of all studies of a data set, each image on its own. Throws Error kBadContent where none can be
// read.
KeptMaps keep_maps(const MapView& view, const StudyDataset& dataset, int threads,
                   Progress* progress = nullptr);

// Bytes that the maps of one image of that side take.
std::int64_t map_bytes(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                       std::int64_t side);

// The maps of these places, which are not broken.
MapBatch join_maps(const KeptMaps& kept, std::span<const std::int64_t> places);

// Of kept maps, in the batches of computed_maps(). They must outlive it.
MapSource kept_maps(const KeptMaps& kept, const StudyBatchOptions& options);

}  // namespace biplane
