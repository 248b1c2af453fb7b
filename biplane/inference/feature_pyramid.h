#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "biplane/inference/dense_head.h"
#include "biplane/model/config.h"
#include "biplane/model/image_tower.h"
#include "biplane/nn/convolution.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// The layers whose maps a head reads where its configuration names none: of a Swin all stages, of a
// vision transformer four blocks at equal distances up to the last one (the last one alone where it
// has fewer), before them the stages of its stem that a pyramid reads. `single`: the last layer
// alone.
std::vector<std::int64_t> default_layers(const TowerConfig& tower, bool single);

// Four maps of equal width from fine to coarse. Of a vision transformer, whose maps all have the
// stride p of its patches, at p/4, p/2, p and 2p: the simple feature pyramid (Li et al., "Exploring
// plain vision transformer backbones for object detection", 2022), from one layer for all or a
// layer for each. Of a Swin at the strides of its stages. A vision transformer's stem, whose stages
// -1 and -2 have the strides p/2 and p/4, joins there: it knows where small things are, which a
// patch of p pixels must tell by its features.
class FeaturePyramid : public torch::nn::Module {
 public:
  // Throws Error kUsage where the layers are neither one nor four beside those of a stem, or of a
  // Swin where there are none.
  FeaturePyramid(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                 std::int64_t channels);
  // maps of the layers -> (B,channels,h,w) each; coarse sides are rounded up.
  std::vector<torch::Tensor> forward(const std::vector<torch::Tensor>& maps) const;
  void initialise(const Initializer& init);
  const std::vector<double>& strides() const { return strides_; }  // pixels, of each level

 private:
  struct Level {
    std::size_t map = 0;
    std::optional<std::size_t> stem;                        // the map of a stem that joins
    std::vector<std::shared_ptr<DoublingConv2d>> doubling;  // none, one or two, a norm between them
    std::shared_ptr<MapNorm> between;                       // or null
    bool halved = false;
    std::shared_ptr<ConvBlock> join;  // 1x1
  };
  void add_level(Level level, const MapShape& shape, int doublings, std::int64_t stem_width);

  std::int64_t channels_;
  std::vector<Level> levels_;
  std::vector<double> strides_;
};

}  // namespace biplane
