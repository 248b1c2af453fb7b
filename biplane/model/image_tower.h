#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "biplane/model/config.h"
#include "biplane/nn/libtorch.h"
#include "biplane/nn/swin_transformer.h"
#include "biplane/nn/vision_transformer.h"

namespace biplane {

// An image tower of any family; what the model knows of it. The network itself is a module that the
// owner registers, so names of parameters do not tell of this class.
class ImageTower {
 public:
  // image_size: side of the square inputs, pixels. Throws Error kUsage for what cannot be.
  ImageTower(const TowerConfig& config, std::int64_t image_size);
  // pixels (B,3,H,W) in [0,1]. A frozen tower keeps no graph. `global_attention`, if set, receives
  // (B,N) the last layer's attention to the patches of the token that is the global feature;
  // undefined where the global feature is a mean.
  VisionTokens forward(const torch::Tensor& pixels,
                       torch::Tensor* global_attention = nullptr) const;
  // Maps (B,w,h,w') of the chosen `layers`, counted from 1: blocks of a vision transformer, their
  // patches; stages of a Swin. The last layer's after the final norm. Stages of a stem come before:
  // 0 is the last one, -1 the one before it, ... Shapes: map_shape().
  std::vector<torch::Tensor> maps(const torch::Tensor& pixels,
                                  const std::vector<std::int64_t>& layers) const;
  void initialise(const Initializer& init);

  std::shared_ptr<torch::nn::Module> module() const;
  std::int64_t width() const;                        // of its tokens
  std::int64_t patches() const { return patches_; }  // of an image of image_size

 private:
  using Network =
      std::variant<std::shared_ptr<VisionTransformer>, std::shared_ptr<SwinTransformer>>;

  Network network_;
  std::int64_t patches_;
  bool frozen_;
};

// Layers of a tower: blocks of a vision transformer, stages of a Swin.
std::int64_t layer_count(const TowerConfig& config);

// Stages of the convolutional stem of a tower, 0 without one.
std::int64_t stem_stages(const TowerConfig& config);

// What a layer's map is.
struct MapShape {
  std::int64_t width = 0;   // channels
  std::int64_t stride = 0;  // pixels along the side of the square that a place stands for
};
// Throws Error kUsage for a layer that the tower does not have.
MapShape map_shape(const TowerConfig& config, std::int64_t layer);

}  // namespace biplane
