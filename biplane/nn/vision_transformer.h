#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/nn/conv_stem.h"
#include "biplane/nn/libtorch.h"
#include "biplane/nn/patch_projection.h"
#include "biplane/nn/transformer.h"
#include "biplane/nn/vision_tokens.h"

namespace biplane {

struct VisionTransformerConfig {
  std::string style = "clip";  // clip: QuickGELU, no patch bias, norm before the blocks; timm:
                               // GELU, patch bias, eps 1e-6; dinov2: timm with LayerScale
  // Of the MLPs. style: the style's own; quick_gelu and gelu (exact) for weights that were trained
  // with another one, such as open_clip's.
  std::string activation = "style";
  std::int64_t patch = 16;         // pixels
  std::vector<std::int64_t> stem;  // channels of the convolutions that take the place of the patch
                                   // projection, log2(patch) of them; none: the projection
  std::int64_t width = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  double mlp_ratio = 4.0;
  std::int64_t registers = 0;  // tokens without a place in the image, dinov2 only
  std::string pooling =
      "class";  // class: normed class token; mean: norm of the mean patch (MAE's fc_norm)
  // Pixel statistics the weights were trained with: one value for each of 3 channels, or one.
  std::vector<double> mean = kClipMean, std = kClipStd;
  std::int64_t image_size =
      224;  // side of the square the positions are learned for; set by the owner, not a key

  template <class V>
  void visit(V& v) {
    v.field("style", style);
    v.field("activation", activation);
    v.field("patch", patch);
    v.field("stem", stem);
    v.field("width", width);
    v.field("layers", layers);
    v.field("heads", heads);
    v.field("mlp_ratio", mlp_ratio);
    v.field("registers", registers);
    v.field("pooling", pooling);
    v.field("mean", mean);
    v.field("std", std);
  }
  std::int64_t grid() const { return image_size / patch; }  // patches along a side
  std::int64_t patches() const { return grid() * grid(); }
};

// Throws Error kUsage naming `key` (for example "model.frontal.vit") and the value that cannot be.
void check_config(const VisionTransformerConfig& config, const std::string& key);

// A table (1 + grid*grid, W) of a class position and those of a square grid for rows x columns:
// (1, 1 + rows*columns, W). Bicubic, align_corners false, no antialiasing; the class position
// stays.
torch::Tensor resample_positions(const torch::Tensor& table, std::int64_t rows,
                                 std::int64_t columns);

// Vision transformer (method section 2). Pixels are in [0,1]; the tower normalises them itself.
class VisionTransformer : public torch::nn::Module {
 public:
  explicit VisionTransformer(const VisionTransformerConfig& config);
  // pixels (B,3,H,W) in [0,1], H and W multiples of the patch side; other sizes than image_size,
  // also rectangles, interpolate the positions. An expanded grey image (stride 0 between channels)
  // is read once. Tokens: class token, registers, patches, after the final norm; with pooling
  // "mean" not normed. `class_attention`, if set, receives the last layer's attention of the class
  // token to the patches, mean over heads, without gradient: (B,N). With `hidden_states` also the
  // tokens (B, first_patch + N, W) after each block, before the final norm; with `stem_stages` what
  // each stage of the stem gives (B, channels, h, w).
  VisionTokens forward(const torch::Tensor& pixels, torch::Tensor* class_attention = nullptr,
                       std::vector<torch::Tensor>* hidden_states = nullptr,
                       std::vector<torch::Tensor>* stem_stages = nullptr) const;
  void initialise(const Initializer& init);
  const VisionTransformerConfig& config() const { return config_; }

  torch::Tensor patch_weight;          // (W, 3, p, p); with a stem (W, channels of its last stage)
  torch::Tensor patch_bias;            // (W); undefined for clip without a stem
  std::shared_ptr<ConvStem> stem;      // or null
  torch::Tensor class_embedding;       // (W)
  torch::Tensor positional_embedding;  // (1 + N, W)
  torch::Tensor registers;             // (R, W); undefined without
  std::shared_ptr<LayerNorm> ln_pre, ln_post;  // ln_pre: clip only
  std::vector<std::shared_ptr<TransformerBlock>> blocks;

 private:
  using Stages = std::vector<torch::Tensor>*;
  // (B, first_patch + N, W)
  torch::Tensor embed(const torch::Tensor& pixels, Stages stages) const;
  torch::Tensor embed_patches(const torch::Tensor& pixels, Stages stages) const;
  torch::Tensor embed_with_stem(const torch::Tensor& pixels, Stages stages) const;
  // x (B*T,W), what enters the last block -> (B,N)
  torch::Tensor attention_of_class(const torch::Tensor& x, const TokenLayout& layout) const;

  VisionTransformerConfig config_;
  PixelStatistics pixels_;  // buffers
};

}  // namespace biplane
