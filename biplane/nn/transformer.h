#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/nn/dropout.h"
#include "biplane/nn/init.h"
#include "biplane/nn/layers.h"

namespace biplane {

enum class Activation { kGelu, kQuickGelu };  // exact (erf) GELU; x * sigmoid(1.702 x)
enum class NormPlace { kPre, kPost };         // x + f(LN(x)); LN(x + f(x))

struct TransformerBlockConfig {
  std::int64_t width = 768;
  std::int64_t heads = 12;  // divides width
  std::int64_t mlp_width = 3072;
  Activation activation = Activation::kQuickGelu;
  NormPlace norm = NormPlace::kPre;
  double layer_norm_eps = 1e-5;
  bool cross_attention = false;  // pre-norm only: cross-attention before the self-attention
};

// Standard deviations of the starting weights of a block.
struct BlockInit {
  double attention = 0.02;   // in_proj
  double projection = 0.02;  // out_proj and the MLP's second layer
  double mlp = 0.02;         // the MLP's first layer
  // CLIP's: width^-0.5, (2 layers width)^-0.5, (2 width)^-0.5
  static BlockInit clip(std::int64_t width, std::int64_t layers);
};

// Which keys may be attended, made once and used in every layer.
struct KeyMask {
  torch::Tensor valid;       // (B,1,1,K) bool; undefined: all keys are valid
  torch::Tensor attendable;  // (B,1,1) bool, false for studies without any valid key; undefined:
                             // there are none
  // From (B,K) bool or undefined. A mask without a false entry is dropped on the CPU (asking would
  // make a GPU wait).
  static KeyMask of(const torch::Tensor& valid);
};

// Multi-head attention with torch.nn.MultiheadAttention's parameters: in_proj_weight (3W,W) holds
// q, k, v rows.
class Attention : public torch::nn::Module {
 public:
  Attention(std::int64_t width, std::int64_t heads);
  // x (B*T,W), rows of B sequences of T tokens. Returns (B*T,W).
  torch::Tensor self(const torch::Tensor& x, std::int64_t batch, const KeyMask& mask) const;
  // query (B*T,W), keys (B*K,W). The attended value of a study without a valid key is 0. Returns
  // (B*T,W).
  torch::Tensor cross(const torch::Tensor& query, const torch::Tensor& keys, std::int64_t batch,
                      const KeyMask& mask) const;
  // Attention weights of cross(): (B,heads,T,K), softmax over valid keys; rows of a study without
  // any are 0.
  torch::Tensor cross_weights(const torch::Tensor& query, const torch::Tensor& keys,
                              std::int64_t batch, const KeyMask& mask) const;
  void initialise(const Initializer& init, const BlockInit& std);

  torch::Tensor in_proj_weight, in_proj_bias;
  std::shared_ptr<Linear> out_proj;

 private:
  torch::Tensor split_heads(const torch::Tensor& x, std::int64_t batch) const;
  torch::Tensor attend(const std::vector<torch::Tensor>& qkv, std::int64_t batch,
                       const KeyMask& mask) const;

  std::int64_t width_, heads_;
};

// x * sigmoid(1.702 x), any shape.
torch::Tensor quick_gelu(const torch::Tensor& x);

// c_proj(activation(c_fc x)).
class Mlp : public torch::nn::Module {
 public:
  Mlp(std::int64_t width, std::int64_t hidden, Activation activation);
  torch::Tensor forward(const torch::Tensor& x) const;  // (..., W) -> (..., W)
  void initialise(const Initializer& init, const BlockInit& std);

  std::shared_ptr<Linear> c_fc, c_proj;

 private:
  Activation activation_;
};

// What a block may attend to besides its own tokens, and what it may report.
struct BlockContext {
  KeyMask mask;                // valid tokens as keys of the self-attention
  torch::Tensor keys;          // (B,K,W), cross-attention only
  KeyMask key_mask;            // of keys
  bool cross_residual = true;  // false: the cross-attention replaces x instead of being added to it
  const KeyedDropout* dropout = nullptr;  // on the outputs of attention and MLP
  std::int64_t layer = 0;                 // keys the dropout masks
  torch::Tensor* cross_weights =
      nullptr;  // if set, receives the cross-attention's weights (B,heads,T,K)
};

// The one transformer block of the library: ViT and BERT layers and the cross-modal decoders'
// layers are configurations of it. Pre-norm:  [x += cross(ln_query x, ln_key keys)]; x += attn(ln_1
// x); x += mlp(ln_2 x). Post-norm: x = ln_1(x + attn x); x = ln_2(x + mlp x).
class TransformerBlock : public torch::nn::Module {
 public:
  explicit TransformerBlock(const TransformerBlockConfig& config);
  // x (B,T,W) -> (B,T,W). Fails (TORCH_CHECK) on widths that do not fit.
  torch::Tensor forward(const torch::Tensor& x, const BlockContext& context = {}) const;
  void initialise(const Initializer& init, const BlockInit& std);

  std::shared_ptr<LayerNorm> ln_1, ln_2, ln_query, ln_key;
  std::shared_ptr<Attention> attn, cross_attn;
  std::shared_ptr<Mlp> mlp;

 private:
  enum class Site { kCross, kSelf, kMlp };  // places of dropout
  struct Rows;
  torch::Tensor dropped(const torch::Tensor& y, const Rows& rows, const BlockContext& context,
                        Site site) const;
  torch::Tensor pre_norm(torch::Tensor x, const Rows& rows, const BlockContext& context) const;
  torch::Tensor post_norm(torch::Tensor x, const Rows& rows, const BlockContext& context) const;

  TransformerBlockConfig config_;
};

// `count` equal blocks, registered in `owner` as name.0, name.1, ...
std::vector<std::shared_ptr<TransformerBlock>> register_blocks(torch::nn::Module& owner,
                                                               const std::string& name,
                                                               const TransformerBlockConfig& config,
                                                               std::int64_t count);

}  // namespace biplane
