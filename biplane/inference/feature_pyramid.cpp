#include "biplane/inference/feature_pyramid.h"

#include <map>
#include <numeric>
#include <string>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::int64_t kLevels = 4;
constexpr std::int64_t kFiner = 2;  // of them are finer than the patches

// `deep`: layers that are not of the stem.
void check_layers(const std::map<std::int64_t, std::size_t>& of_stem, std::int64_t deep,
                  bool swin) {
  if (swin ? deep < 1 : deep != 1 && deep != kLevels)
    throw Error(ErrorKind::kUsage, "dense.layers: " + std::to_string(deep) +
                                       " layers: a pyramid stands on one or four blocks of a "
                                       "vision transformer, or on stages of a Swin");
  for (const auto& [stage, place] : of_stem) {
    if (stage > -1 || stage < -kFiner)
      throw Error(ErrorKind::kUsage, "dense.layers: " + std::to_string(stage) +
                                         ": of a stem a pyramid reads the stages -1 and -2");
  }
}

}  // namespace

std::vector<std::int64_t> default_layers(const TowerConfig& tower, bool single) {
  const std::int64_t count = layer_count(tower);
  if (single) return {count};
  std::vector<std::int64_t> layers;
  if (tower.kind == "swin") {
    layers.resize(static_cast<std::size_t>(count));
    std::iota(layers.begin(), layers.end(), 1);
    return layers;
  }
  for (std::int64_t layer = -kFiner; layer < 0; ++layer)
    if (-layer < stem_stages(tower)) layers.push_back(layer);
  if (count < kLevels) {
    layers.push_back(count);
    return layers;
  }
  for (std::int64_t i = 1; i <= kLevels; ++i) layers.push_back(i * count / kLevels);
  return layers;
}

FeaturePyramid::FeaturePyramid(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                               std::int64_t channels)
    : channels_(channels) {
  const bool swin = tower.kind == "swin";
  std::map<std::int64_t, std::size_t> of_stem;  // stage -> place among the layers
  std::vector<std::size_t> deep;                // places of the others
  for (std::size_t i = 0; i < layers.size(); ++i) {
    map_shape(tower, layers[i]);  // it has that layer
    if (layers[i] < 1) {
      if (!of_stem.emplace(layers[i], i).second)
        throw Error(ErrorKind::kUsage,
                    "dense.layers: " + std::to_string(layers[i]) + " is there twice");
    } else {
      deep.push_back(i);
    }
  }
  check_layers(of_stem, std::ssize(deep), swin);
  for (std::int64_t i = 0; i < (swin ? std::ssize(deep) : kLevels); ++i) {
    Level level;
    level.map = deep[deep.size() == 1 ? 0 : static_cast<std::size_t>(i)];
    const MapShape shape = map_shape(tower, layers[level.map]);
    const int doublings = swin ? 0 : static_cast<int>(std::max<std::int64_t>(kFiner - i, 0));
    level.halved = !swin && i == kLevels - 1;
    std::int64_t stem_width = 0;
    if (const auto stage = of_stem.find(-doublings); stage != of_stem.end()) {
      level.stem = stage->second;
      stem_width = map_shape(tower, stage->first).width;
    }
    strides_.push_back(static_cast<double>(shape.stride) * (level.halved ? 2.0 : 1.0) /
                       static_cast<double>(1 << doublings));
    add_level(std::move(level), shape, doublings, stem_width);
  }
}

void FeaturePyramid::add_level(Level level, const MapShape& shape, int doublings,
                               std::int64_t stem_width) {
  const std::string prefix = numbered("level", levels_.size() + 1) + "_";
  std::int64_t width = shape.width;
  for (int i = 0; i < doublings; ++i) {
    level.doubling.push_back(register_module(prefix + numbered("doubling", i + 1),
                                             std::make_shared<DoublingConv2d>(width, channels_)));
    width = channels_;
  }
  if (doublings > 1)
    level.between = register_module(prefix + "norm", std::make_shared<MapNorm>(width));
  level.join = register_module(prefix + "join",
                               std::make_shared<ConvBlock>(width + stem_width, channels_, 1));
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
    if (level.stem) x = at::cat({x, maps.at(*level.stem)}, 1);
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
