#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/nn/libtorch.h"
#include "biplane/nn/patch_projection.h"
#include "biplane/nn/token_windows.h"
#include "biplane/nn/transformer.h"
#include "biplane/nn/vision_tokens.h"

namespace biplane {

struct SwinTransformerConfig {
  std::int64_t patch = 4;                         // pixels
  std::int64_t width = 96;                        // of the first stage; each further one doubles it
  std::vector<std::int64_t> depths{2, 2, 6, 2};   // blocks of each stage
  std::vector<std::int64_t> heads{3, 6, 12, 24};  // of each stage, dividing its width
  std::int64_t window = 7;                        // tokens along the side of a window
  double mlp_ratio = 4.0;
  // Pixel statistics the weights were trained with: one value for each of 3 channels, or one.
  std::vector<double> mean = kImageNetMean, std = kImageNetStd;

  template <class V>
  void visit(V& v) {
    v.field("patch", patch);
    v.field("width", width);
    v.field("depths", depths);
    v.field("heads", heads);
    v.field("window", window);
    v.field("mlp_ratio", mlp_ratio);
    v.field("mean", mean);
    v.field("std", std);
  }
  std::int64_t last_width() const { return width << (depths.size() - 1); }
  // Pixels along the side of the square that a token of the last stage stands for.
  std::int64_t stride() const { return patch << (depths.size() - 1); }
};

// Throws Error kUsage naming `key` (for example "model.lateral.swin") and the value that cannot be.
void check_config(const SwinTransformerConfig& config, const std::string& key);

// Joins 2 x 2 neighbours: LayerNorm of their 4 W channels, then a projection to 2 W without bias.
class PatchMerging : public torch::nn::Module {
 public:
  explicit PatchMerging(std::int64_t width);
  // x (B*rows*columns, W) -> (B*ceil(rows/2)*ceil(columns/2), 2W); `grid` becomes the merged one.
  // An odd grid is filled up with zeros.
  torch::Tensor forward(const torch::Tensor& x, TokenGrid& grid) const;
  void initialise(const Initializer& init);

  std::shared_ptr<LayerNorm> norm;
  std::shared_ptr<Linear> reduction;
};

// Blocks of one width, every second one with shifted windows, and the merging that follows.
class SwinStage : public torch::nn::Module {
 public:
  // `stage` counts from 0; the last one does not merge.
  SwinStage(const SwinTransformerConfig& config, std::size_t stage);
  // x (B*rows*columns, W) -> the same shape: the blocks alone; the owner merges.
  torch::Tensor forward(torch::Tensor x, const TokenGrid& grid) const;
  void initialise(const Initializer& init);

  std::vector<std::shared_ptr<TransformerBlock>> blocks;
  std::shared_ptr<PatchMerging> downsample;  // or null

 private:
  std::int64_t window_;
};

// Swin transformer (method section 2; Liu et al., "Swin Transformer: Hierarchical vision
// transformer using shifted windows", 2021), without stochastic depth. Pixels are in [0,1]; the
// tower normalises them itself.
class SwinTransformer : public torch::nn::Module {
 public:
  explicit SwinTransformer(const SwinTransformerConfig& config);
  // pixels (B,3,H,W) in [0,1] of any size. Image, token grids and merged grids are filled up at the
  // right and the bottom where they are no multiples of patch, window and 2; windows are not
  // shifted where one covers a side of the grid. Tokens (B, N, W of the last stage) after the final
  // norm, none before the patches; pooled is their mean. With `hidden_states` also the tokens (B,
  // n, w) after the embedding and after each stage, merged where it merges. With `stage_maps` also
  // (B, w, rows, columns) after each stage's blocks, not merged; the last after the final norm.
  VisionTokens forward(const torch::Tensor& pixels,
                       std::vector<torch::Tensor>* hidden_states = nullptr,
                       std::vector<torch::Tensor>* stage_maps = nullptr) const;
  void initialise(const Initializer& init);
  const SwinTransformerConfig& config() const { return config_; }

  torch::Tensor patch_weight, patch_bias;  // (W, 3, p, p), (W)
  std::shared_ptr<LayerNorm> ln_embed, ln_post;
  std::vector<std::shared_ptr<SwinStage>> stages;

 private:
  SwinTransformerConfig config_;
  PixelStatistics pixels_;  // buffers
};

}  // namespace biplane
