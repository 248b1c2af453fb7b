#include "biplane/inference/segmentation_heads.h"

#include <algorithm>
#include <array>

#include "biplane/core/error.h"
#include "biplane/model/image_tower.h"

namespace biplane {
namespace {

constexpr int kStages = 4;                                        // of SETR-PUP
constexpr std::array<std::int64_t, 4> kContextSides{1, 2, 3, 6};  // of the pooled maps
constexpr double kClassStd = 0.01;
constexpr std::int64_t kNarrowest = 8;  // channels
// Places of dropout.
constexpr std::int64_t kMainDropout = 0, kAuxiliaryDropout = 1;

torch::Tensor drop_channels(const torch::Tensor& x, const KeyedDropout* dropout,
                            std::int64_t place) {
  if (dropout == nullptr || dropout->rate <= 0) return x;
  return x * dropout->apply(torch::ones({x.size(0), x.size(1), 1, 1}, x.options()), place);
}

// Where the auxiliary head's layer stands among the layers.
std::size_t auxiliary_map(const SegmenterConfig& config) {
  if (config.auxiliary_layer == 0)
    return static_cast<std::size_t>(std::max_element(config.layers.begin(), config.layers.end()) -
                                    config.layers.begin());
  const auto found = std::find(config.layers.begin(), config.layers.end(), config.auxiliary_layer);
  if (found == config.layers.end())
    throw Error(ErrorKind::kUsage,
                "segmentation.auxiliary_layer = " + std::to_string(config.auxiliary_layer) +
                    ": must be one of dense.layers");
  return static_cast<std::size_t>(found - config.layers.begin());
}

}  // namespace

ProgressiveHead::ProgressiveHead(std::int64_t in, std::int64_t channels, std::int64_t outputs) {
  for (int i = 0; i < kStages; ++i) {
    const std::int64_t width = std::max(channels >> i, kNarrowest);
    stages_.push_back(
        register_module(numbered("stage", i + 1), std::make_shared<ConvBlock>(in, width, 3)));
    in = width;
  }
  classes_ = register_module("classes", std::make_shared<Conv2d>(in, outputs, 3));
}

torch::Tensor ProgressiveHead::forward(torch::Tensor x, const KeyedDropout* dropout) const {
  for (const auto& stage : stages_) {
    x = stage->forward(x);
    x = resize_map(x, 2 * x.size(2), 2 * x.size(3));
  }
  return classes_->forward(drop_channels(x, dropout, kMainDropout));
}

void ProgressiveHead::initialise(const Initializer& init) {
  for (std::size_t i = 0; i < stages_.size(); ++i)
    stages_[i]->initialise(init.child(numbered("stage", i + 1)));
  classes_->initialise(init.child("classes"), kClassStd, 0.0);
}

UperHead::UperHead(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                   std::int64_t channels, std::int64_t outputs) {
  pyramid_ = register_module("pyramid", std::make_shared<FeaturePyramid>(tower, layers, channels));
  for (std::size_t i = 0; i < kContextSides.size(); ++i)
    context_.push_back(register_module(numbered("context", i + 1),
                                       std::make_shared<ConvBlock>(channels, channels, 1)));
  const auto joined = static_cast<std::int64_t>(kContextSides.size()) + 1;
  context_join_ =
      register_module("context_join", std::make_shared<ConvBlock>(joined * channels, channels, 3));
  const std::size_t levels = pyramid_->strides().size();
  for (std::size_t i = 0; i + 1 < levels; ++i)
    smooth_.push_back(register_module(numbered("smooth", i + 1),
                                      std::make_shared<ConvBlock>(channels, channels, 3)));
  fuse_ = register_module("fuse", std::make_shared<ConvBlock>(
                                      static_cast<std::int64_t>(levels) * channels, channels, 3));
  classes_ = register_module("classes", std::make_shared<Conv2d>(channels, outputs, 1));
}

torch::Tensor UperHead::with_context(const torch::Tensor& coarsest) const {
  std::vector<torch::Tensor> parts{coarsest};
  for (std::size_t i = 0; i < context_.size(); ++i) {
    const torch::Tensor pooled =
        at::adaptive_avg_pool2d(coarsest, {kContextSides[i], kContextSides[i]});
    parts.push_back(resize_map(context_[i]->forward(pooled), coarsest.size(2), coarsest.size(3)));
  }
  return context_join_->forward(at::cat(parts, 1));
}

torch::Tensor UperHead::forward(const std::vector<torch::Tensor>& maps,
                                const KeyedDropout* dropout) const {
  std::vector<torch::Tensor> levels = pyramid_->forward(maps);
  levels.back() = with_context(levels.back());
  for (std::size_t i = levels.size() - 1; i-- > 0;)
    levels[i] = levels[i] + resize_map(levels[i + 1], levels[i].size(2), levels[i].size(3));
  for (std::size_t i = 0; i < smooth_.size(); ++i) levels[i] = smooth_[i]->forward(levels[i]);
  for (torch::Tensor& level : levels)
    level = resize_map(level, levels.front().size(2), levels.front().size(3));
  return classes_->forward(
      drop_channels(fuse_->forward(at::cat(levels, 1)), dropout, kMainDropout));
}

void UperHead::initialise(const Initializer& init) {
  pyramid_->initialise(init.child("pyramid"));
  for (std::size_t i = 0; i < context_.size(); ++i)
    context_[i]->initialise(init.child(numbered("context", i + 1)));
  context_join_->initialise(init.child("context_join"));
  for (std::size_t i = 0; i < smooth_.size(); ++i)
    smooth_[i]->initialise(init.child(numbered("smooth", i + 1)));
  fuse_->initialise(init.child("fuse"));
  classes_->initialise(init.child("classes"), kClassStd, 0.0);
}

AuxiliaryHead::AuxiliaryHead(std::int64_t in, std::int64_t channels, std::int64_t outputs) {
  block_ = register_module("block", std::make_shared<ConvBlock>(in, channels, 3));
  classes_ = register_module("classes", std::make_shared<Conv2d>(channels, outputs, 1));
}

torch::Tensor AuxiliaryHead::forward(const torch::Tensor& map, const KeyedDropout* dropout) const {
  return classes_->forward(drop_channels(block_->forward(map), dropout, kAuxiliaryDropout));
}

void AuxiliaryHead::initialise(const Initializer& init) {
  block_->initialise(init.child("block"));
  classes_->initialise(init.child("classes"), kClassStd, 0.0);
}

SegmentationHead::SegmentationHead(const SegmenterConfig& config, const TowerConfig& tower)
    : exclusive_(config.exclusive) {
  const auto outputs = static_cast<std::int64_t>(config.names.size()) + (exclusive_ ? 1 : 0);
  if (exclusive_ && config.names.size() != 1)
    throw Error(ErrorKind::kUsage,
                "segmentation.loss: of background and a single finding, not of " +
                    std::to_string(config.names.size()));
  if (config.head == "upernet") {
    uper_ = register_module(
        "uper", std::make_shared<UperHead>(tower, config.layers, config.channels, outputs));
  } else {
    if (config.layers.size() != 1)
      throw Error(ErrorKind::kUsage, "dense.layers: setr_pup stands on one layer");
    progressive_ = register_module(
        "progressive", std::make_shared<ProgressiveHead>(map_shape(tower, config.layers[0]).width,
                                                         config.channels, outputs));
  }
  if (config.auxiliary) {
    auxiliary_map_ = auxiliary_map(config);
    const std::int64_t width = map_shape(tower, config.layers[auxiliary_map_]).width;
    const std::int64_t channels =
        config.auxiliary_channels > 0 ? config.auxiliary_channels : config.channels;
    auxiliary_ =
        register_module("auxiliary", std::make_shared<AuxiliaryHead>(width, channels, outputs));
  }
}

SegmentationLogits SegmentationHead::forward(const std::vector<torch::Tensor>& maps,
                                             std::int64_t side, const KeyedDropout* dropout) const {
  SegmentationLogits logits;
  logits.main = resize_map(
      uper_ ? uper_->forward(maps, dropout) : progressive_->forward(maps.front(), dropout), side,
      side);
  if (auxiliary_ && is_training())
    logits.auxiliary = resize_map(auxiliary_->forward(maps[auxiliary_map_], dropout), side, side);
  return logits;
}

torch::Tensor SegmentationHead::probability(const torch::Tensor& logits) const {
  return exclusive_ ? logits.softmax(1).slice(1, 1) : logits.sigmoid();
}

void SegmentationHead::initialise(const Initializer& init) {
  if (uper_) uper_->initialise(init.child("uper"));
  if (progressive_) progressive_->initialise(init.child("progressive"));
  if (auxiliary_) auxiliary_->initialise(init.child("auxiliary"));
}

}  // namespace biplane
