#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "biplane/inference/dense_head.h"
#include "biplane/model/config.h"
#include "biplane/nn/convolution.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// The layers whose maps a head reads where its configuration names none: of a Swin all stages, of a
// vision transformer four blocks at equal distances up to the last one (the last one alone where it
// has fewer). `single`: the last layer alone.
std::vector<std::int64_t> default_layers(const TowerConfig& tower, bool single);

// Four maps of equal width from fine to coarse. Of a vision transformer, whose maps all have the
// stride p of its patches, at p/4, p/2, p and 2p: the simple feature pyramid (Li et al., "Exploring
// plain vision transformer backbones for object detection", 2022), from one layer for all or a
// layer for each. Of a Swin at the strides of its stages.
class FeaturePyramid : public torch::nn::Module {
 public:
  // Throws Error kUsage where the layers are neither one nor four, or of a Swin where there are
  // none.
  FeaturePyramid(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                 std::int64_t channels);
  // maps of the layers -> (B,channels,h,w) each; coarse sides are rounded up.
  std::vector<torch::Tensor> forward(const std::vector<torch::Tensor>& maps) const;
  void initialise(const Initializer& init);
  const std::vector<double>& strides() const { return strides_; }  // pixels, of each level

 private:
  struct Level {
    std::size_t map = 0;
    std::vector<std::shared_ptr<DoublingConv2d>> doubling;  // none, one or two, a norm between them
    std::shared_ptr<MapNorm> between;                       // or null
    bool halved = false;
    std::shared_ptr<ConvBlock> join;  // 1x1
  };
  void add_level(std::size_t map, std::int64_t width, int doublings, bool halved);

  std::int64_t channels_;
  std::vector<Level> levels_;
  std::vector<double> strides_;
};

}  // namespace biplane
