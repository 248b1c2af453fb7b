#include "biplane/inference/study_maps.h"

#include <algorithm>

#include "biplane/core/parallel.h"
#include "biplane/model/image_tower.h"
#include "biplane/nn/one_thread.h"

namespace biplane {
namespace {

constexpr std::int64_t kBroken = -1;

std::vector<torch::Tensor> encode_contiguous(const MapView& view, const torch::Tensor& pixels) {
  std::vector<torch::Tensor> maps = view.model.feature_maps(pixels, view.lateral, view.layers);
  for (torch::Tensor& map : maps) map = map.contiguous();
  return maps;
}

// Layer by layer the rows of all parts.
std::vector<torch::Tensor> join_rows(const std::vector<std::vector<torch::Tensor>>& parts) {
  std::vector<torch::Tensor> joined;
  for (std::size_t layer = 0; layer < parts.front().size(); ++layer) {
    std::vector<torch::Tensor> rows;
    for (const auto& part : parts) rows.push_back(part[layer]);
    joined.push_back(at::cat(rows));
  }
  return joined;
}

}  // namespace

std::vector<torch::Tensor> encode_maps(const MapView& view, const torch::Tensor& pixels) {
  if (!view.one_by_one) return encode_contiguous(view, pixels);
  std::vector<std::vector<torch::Tensor>> parts;
  for (std::int64_t row = 0; row < pixels.size(0); ++row)
    parts.push_back(encode_contiguous(view, pixels.narrow(0, row, 1)));
  return join_rows(parts);
}

const torch::Tensor& view_pixels(const StudyBatch& batch, bool lateral) {
  return lateral ? batch.lateral : batch.frontal;
}

MapSource computed_maps(const MapView& view, const StudyDataset& dataset,
                        const StudyBatchOptions& options) {
  MapSource source;
  source.side = dataset.options().image.crop;
  source.batches = batch_count(dataset, options);
  source.each = [view, &dataset, options](const MapBody& body) {
    return for_each_batch(dataset, options, [&](std::int64_t number, const StudyBatch& batch) {
      body(number, {studies_of(batch), encode_maps(view, view_pixels(batch, view.lateral))});
    });
  };
  return source;
}

KeptMaps keep_maps(const MapView& view, const StudyDataset& dataset, int threads,
                   Progress* progress) {
  KeptMaps kept;
  kept.side = dataset.options().image.crop;
  kept.studies.assign(static_cast<std::size_t>(dataset.size()), kBroken);
  kept.maps.resize(kept.studies.size());
  kept.broken = for_each_batch(
      dataset, {.batch = 1, .threads = threads},
      [&](std::int64_t place, const StudyBatch& batch) {
        const auto own = static_cast<std::size_t>(place);
        kept.studies[own] = studies_of(batch).front();
        kept.maps[own] = encode_contiguous(view, view_pixels(batch, view.lateral));
      },
      progress);
  return kept;
}

std::int64_t map_bytes(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                       std::int64_t side) {
  std::int64_t values = 0;
  for (const std::int64_t layer : layers) {
    const MapShape shape = map_shape(tower, layer);
    const std::int64_t places = (side + shape.stride - 1) / shape.stride;
    values += shape.width * places * places;
  }
  return values * static_cast<std::int64_t>(sizeof(float));
}

MapBatch join_maps(const KeptMaps& kept, std::span<const std::int64_t> places) {
  MapBatch batch;
  std::vector<std::vector<torch::Tensor>> parts;
  for (const std::int64_t place : places) {
    const auto own = static_cast<std::size_t>(place);
    batch.studies.push_back(kept.studies[own]);
    parts.push_back(kept.maps[own]);
  }
  batch.maps = join_rows(parts);
  return batch;
}

MapSource kept_maps(const KeptMaps& kept, const StudyBatchOptions& options) {
  const auto count = static_cast<std::int64_t>(kept.studies.size());
  MapSource source;
  source.side = kept.side;
  source.batches = (count + options.batch - 1) / options.batch;
  source.each = [&kept, options, count, batches = source.batches](const MapBody& body) {
    parallel_for(batches, resolve_threads(options.threads), [&](std::int64_t number) {
      const OneThreadPerOperation mine;  // the number is kept for each thread
      const torch::NoGradGuard no_grad;
      std::vector<std::int64_t> places;
      const std::int64_t end = std::min((number + 1) * options.batch, count);
      for (std::int64_t place = number * options.batch; place < end; ++place)
        if (kept.studies[static_cast<std::size_t>(place)] != kBroken) places.push_back(place);
      if (!places.empty()) body(number, join_maps(kept, places));
    });
    return kept.broken;
  };
  return source;
}

}  // namespace biplane
