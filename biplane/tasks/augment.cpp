#include "biplane/tasks/augment.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>
#include <utility>

namespace biplane {
namespace {

constexpr int kTries = 10;

double radians(const Turn& turn) { return turn.degrees * std::numbers::pi / 180; }

// (1,C,H,W) -> the same size.
torch::Tensor turn_plane(const torch::Tensor& plane, const Turn& turn) {
  constexpr std::int64_t kBilinear = 0, kZeros = 0;
  // Where a place of the new image was in the old one, both from -1 to 1.
  const double ratio = static_cast<double>(plane.size(2)) / static_cast<double>(plane.size(3)),
               c = std::cos(radians(turn)) / turn.scale, s = std::sin(radians(turn)) / turn.scale;
  const torch::Tensor back =
      torch::tensor({c, s * ratio, 0.0, -s / ratio, c, 0.0}, plane.options()).view({1, 2, 3});
  const torch::Tensor grid =
      at::affine_grid_generator(back, plane.sizes(), /*align_corners=*/false);
  return at::grid_sampler_2d(plane, grid, kBilinear, kZeros, /*align_corners=*/false);
}

DetectionBox turn_box(const DetectionBox& box, const Turn& turn, double side) {
  const double c = turn.scale * std::cos(radians(turn)), s = turn.scale * std::sin(radians(turn));
  const double x = box.x + (box.w - side) / 2, y = box.y + (box.h - side) / 2;
  const double w = std::abs(c) * box.w + std::abs(s) * box.h,
               h = std::abs(s) * box.w + std::abs(c) * box.h;
  return {c * x - s * y + (side - w) / 2, s * x + c * y + (side - h) / 2, w, h};
}

torch::Tensor augment_pixels(const torch::Tensor& pixels, const StudyBatch& batch, bool lateral,
                             const AugmentConfig& config, std::int64_t side, std::uint64_t seed,
                             std::int64_t epoch) {
  return change_planes(pixels, view_changes(batch, lateral, config, seed, epoch), side);
}

}  // namespace

std::vector<ViewChange> view_changes(const StudyBatch& batch, bool lateral,
                                     const AugmentConfig& config, std::uint64_t seed,
                                     std::int64_t epoch) {
  const torch::Tensor& pixels = lateral ? batch.lateral : batch.frontal;
  std::vector<ViewChange> changes(static_cast<std::size_t>(pixels.size(0)));
  if (!config.changes()) return changes;
  const torch::Tensor numbers = batch.study_index.to(torch::kCPU);  // at once, not one by one
  for (std::int64_t row = 0; row < pixels.size(0); ++row) {
    CounterRandom random(seed, lateral ? "augment lateral" : "augment frontal",
                         {static_cast<std::uint64_t>(epoch),
                          static_cast<std::uint64_t>(numbers[row].item<std::int64_t>())});
    ViewChange& change = changes[static_cast<std::size_t>(row)];
    if (!config.crop_scale.empty())
      change.crop = random_resized_crop(pixels.size(2), pixels.size(3), config, random);
    change.flip = random.bernoulli(config.flip);
    if ((config.rotate > 0 || config.scale > 0) && random.bernoulli(config.affine))
      change.turn = Turn{random.uniform(-config.rotate, config.rotate),
                         1 + random.uniform(-config.scale, config.scale)};
  }
  return changes;
}

torch::Tensor change_planes(const torch::Tensor& planes, const std::vector<ViewChange>& changes,
                            std::int64_t side) {
  // A grey image is one plane that is shown several times.
  const bool grey = planes.stride(1) == 0;
  std::vector<torch::Tensor> changed;
  for (std::int64_t row = 0; row < planes.size(0); ++row) {
    const ViewChange& change = changes[static_cast<std::size_t>(row)];
    torch::Tensor own = planes.narrow(0, row, 1);
    if (grey) own = own.narrow(1, 0, 1);
    if (change.turn) own = turn_plane(own, *change.turn);
    if (change.crop) {
      const CropBox& box = *change.crop;
      own = own.narrow(2, box.top, box.height).narrow(3, box.left, box.width);
      own = at::_upsample_bilinear2d_aa(own.contiguous(), {side, side}, /*align_corners=*/false);
    }
    changed.push_back(change.flip ? own.flip(3) : own);
  }
  return torch::cat(changed).expand({-1, planes.size(1), -1, -1});
}

CropBox random_resized_crop(std::int64_t height, std::int64_t width, const AugmentConfig& config,
                            CounterRandom& random) {
  const auto area = static_cast<double>(height * width);
  const double log_ratio = std::log(config.crop_ratio);
  for (int i = 0; i < kTries; ++i) {
    const double wanted = area * random.uniform(config.crop_scale[0], config.crop_scale[1]);
    const double ratio = std::exp(random.uniform(-log_ratio, log_ratio));
    const std::int64_t w = std::llround(std::sqrt(wanted * ratio)),
                       h = std::llround(std::sqrt(wanted / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const std::int64_t top = random.below(height - h + 1), left = random.below(width - w + 1);
    return {top, left, h, w};
  }
  return {0, 0, height, width};
}

std::vector<FindingBox> change_boxes(const std::vector<FindingBox>& boxes, const ViewChange& change,
                                     std::int64_t side) {
  const auto whole = static_cast<double>(side);
  const CropBox crop = change.crop.value_or(CropBox{0, 0, side, side});
  const auto scale = [&](double value, std::int64_t start, std::int64_t length) {
    return (value - static_cast<double>(start)) * whole / static_cast<double>(length);
  };
  std::vector<FindingBox> changed;
  for (const FindingBox& one : boxes) {
    const DetectionBox box = change.turn ? turn_box(one.box, *change.turn, whole) : one.box;
    const double x = scale(box.x + box.w / 2, crop.left, crop.width),
                 y = scale(box.y + box.h / 2, crop.top, crop.height);
    if (x < 0 || x >= whole || y < 0 || y >= whole) continue;
    double x0 = std::max(scale(box.x, crop.left, crop.width), 0.0),
           x1 = std::min(scale(box.x + box.w, crop.left, crop.width), whole);
    const double y0 = std::max(scale(box.y, crop.top, crop.height), 0.0),
                 y1 = std::min(scale(box.y + box.h, crop.top, crop.height), whole);
    if (change.flip) std::tie(x0, x1) = std::pair{whole - x1, whole - x0};
    changed.push_back({one.finding, {x0, y0, x1 - x0, y1 - y0}});
  }
  return changed;
}

PreprocessOptions augmented_reading(PreprocessOptions image, const AugmentConfig& config) {
  if (!config.crop_scale.empty()) image.crop = image.size;
  return image;
}

void augment_views(StudyBatch& batch, const AugmentConfig& config, std::int64_t side,
                   std::uint64_t seed, std::int64_t epoch) {
  if (!config.changes()) return;
  const torch::NoGradGuard no_grad;
  batch.frontal = augment_pixels(batch.frontal, batch, false, config, side, seed, epoch);
  batch.lateral = augment_pixels(batch.lateral, batch, true, config, side, seed, epoch);
}

}  // namespace biplane
