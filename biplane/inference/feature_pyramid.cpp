#include "biplane/inference/feature_pyramid.h"

#include <numeric>
#include <string>

#include "biplane/core/error.h"
#include "biplane/model/image_tower.h"

namespace biplane {
namespace {

constexpr std::int64_t kLevels = 4;

}  // namespace

std::vector<std::int64_t> default_layers(const TowerConfig& tower, bool single) {
  const std::int64_t count = layer_count(tower);
  std::vector<std::int64_t> layers;
  if (single || (tower.kind != "swin" && count < kLevels)) return {count};
  if (tower.kind == "swin") {
    layers.resize(static_cast<std::size_t>(count));
    std::iota(layers.begin(), layers.end(), 1);
    return layers;
  }
  for (std::int64_t i = 1; i <= kLevels; ++i) layers.push_back(i * count / kLevels);
  return layers;
}

FeaturePyramid::FeaturePyramid(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                               std::int64_t channels)
    : channels_(channels) {
  const bool swin = tower.kind == "swin";
  const auto count = static_cast<std::int64_t>(layers.size());
  if (swin ? count < 1 : count != 1 && count != kLevels)
    throw Error(ErrorKind::kUsage, "dense.layers: " + std::to_string(count) +
                                       " layers: a pyramid stands on one or four blocks of a "
                                       "vision transformer, or on stages of a Swin");
  for (std::int64_t i = 0; i < (swin ? count : kLevels); ++i) {
    const std::size_t map = count == 1 ? 0 : static_cast<std::size_t>(i);
    const MapShape shape = map_shape(tower, layers[map]);
    const int doublings = swin ? 0 : static_cast<int>(std::max<std::int64_t>(2 - i, 0));
    const bool halved = !swin && i == kLevels - 1;
    add_level(map, shape.width, doublings, halved);
    strides_.push_back(static_cast<double>(shape.stride) * (halved ? 2.0 : 1.0) /
                       static_cast<double>(1 << doublings));
  }
}

void FeaturePyramid::add_level(std::size_t map, std::int64_t width, int doublings, bool halved) {
  Level level;
  level.map = map;
  level.halved = halved;
  const std::string prefix = numbered("level", levels_.size() + 1) + "_";
  for (int i = 0; i < doublings; ++i) {
    level.doubling.push_back(register_module(prefix + numbered("doubling", i + 1),
                                             std::make_shared<DoublingConv2d>(width, channels_)));
    width = channels_;
  }
  if (doublings > 1)
    level.between = register_module(prefix + "norm", std::make_shared<MapNorm>(width));
  level.join = register_module(prefix + "join", std::make_shared<ConvBlock>(width, channels_, 1));
  levels_.push_back(std::move(level));
}

std::vector<torch::Tensor> FeaturePyramid::forward(const std::vector<torch::Tensor>& maps) const {
  std::vector<torch::Tensor> out;
  for (const Level& level : levels_) {
    torch::Tensor x = maps.at(level.map);
    for (std::size_t i = 0; i < level.doubling.size(); ++i) {
      if (i > 0) x = at::gelu(level.between->forward(x));
      x = level.doubling[i]->forward(x);
    }
    if (level.halved) x = at::max_pool2d(x, {2, 2}, {2, 2}, {0, 0}, {1, 1}, /*ceil_mode=*/true);
    out.push_back(level.join->forward(x));
  }
  return out;
}

void FeaturePyramid::initialise(const Initializer& init) {
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const Initializer own = init.child(numbered("level", i + 1));
    for (std::size_t j = 0; j < levels_[i].doubling.size(); ++j)
      levels_[i].doubling[j]->initialise(own.child(numbered("doubling", j + 1)));
    levels_[i].join->initialise(own.child("join"));
  }
}

}  // namespace biplane
