#pragma once

#include <cstdint>
#include <memory>

#include "biplane/nn/init.h"
#include "biplane/nn/layers.h"
#include "biplane/nn/libtorch.h"
#include "biplane/nn/token_layout.h"

namespace biplane {

// Standard deviations of the starting weights of a block.
struct BlockInit {
  double attention = 0.02;   // in_proj
  double projection = 0.02;  // out_proj and the MLP's second layer
  double mlp = 0.02;         // the MLP's first layer
  // CLIP's: width^-0.5, (2 layers width)^-0.5, (2 width)^-0.5
  static BlockInit clip(std::int64_t width, std::int64_t layers);
};

// Multi-head attention with torch.nn.MultiheadAttention's parameters: in_proj_weight (3W,W) holds
// q, k, v rows. Tokens are rows (R,W) of a TokenLayout.
class Attention : public torch::nn::Module {
 public:
  Attention(std::int64_t width, std::int64_t heads);
  // x (R,W) -> (R,W). bias, if defined, is added to the scores: (G,heads,T,T), G divides B, study i
  // takes entry i modulo G; not together with a mask of the layout.
  torch::Tensor self(const torch::Tensor& x, const TokenLayout& layout,
                     const torch::Tensor& bias = {}) const;
  // query (R',W), rows of `layout`, reads x (R,W), rows of `from`, of the same studies -> (R',W)
  torch::Tensor read(const torch::Tensor& query, const TokenLayout& layout, const torch::Tensor& x,
                     const TokenLayout& from) const;
  // query (R,W), keys (B*K,W) -> (R,W). The attended value of a study without a valid key is 0.
  torch::Tensor cross(const torch::Tensor& query, const TokenLayout& layout,
                      const torch::Tensor& keys, const KeyMask& mask) const;
  // Attention weights of cross(): (B,heads,T,K), softmax over valid keys; 0 in a study without any.
  torch::Tensor cross_weights(const torch::Tensor& query, const TokenLayout& layout,
                              const torch::Tensor& keys, const KeyMask& mask) const;
  void initialise(const Initializer& init, const BlockInit& std);

  torch::Tensor in_proj_weight, in_proj_bias;
  std::shared_ptr<Linear> out_proj;

 private:
  // Query, key and value rows, B studies' worth each, before the heads are split.
  struct Projected {
    torch::Tensor query, key, value;
  };
  torch::Tensor split_heads(const torch::Tensor& x, std::int64_t batch) const;
  torch::Tensor attend(const Projected& rows, const TokenLayout& layout, const KeyMask& mask) const;
  // (B,T,heads,W/heads)
  torch::Tensor attend_biased(const Projected& rows, std::int64_t batch,
                              const torch::Tensor& bias) const;
  // What attention reads, (B,T,heads,W/heads), back as rows and through out_proj.
  torch::Tensor project(const torch::Tensor& read, const TokenLayout& layout) const;

  std::int64_t width_, heads_;
};

}  // namespace biplane
