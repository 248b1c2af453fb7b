#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/nn/attention.h"
#include "biplane/nn/dropout.h"
#include "biplane/nn/init.h"
#include "biplane/nn/layers.h"
#include "biplane/nn/libtorch.h"
#include "biplane/nn/token_layout.h"

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
  bool layer_scale = false;      // pre-norm only: learned factors of what is added to x
  // Side of the square windows of tokens that attend each other, with a learned bias for each
  // relative position; pre-norm only. 0: whole studies do, without.
  std::int64_t window = 0;
};

// An MLP with QuickGELU of at least this many rows for each column of its weights keeps scaled
// copies of them for the backward pass; it then needs one pass over its hidden values instead of
// three.
constexpr std::int64_t kQuickGeluFoldRows = 4;

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

// Pairs of places in windows of K = side^2 tokens, for a block with relative positions.
struct WindowPairs {
  torch::Tensor relative;  // (K*K) i64, row of the table for each pair, query by query
  torch::Tensor regions;   // (G,1,K,K), added to the scores of G windows of an image; or undefined
};

// What a block may attend to besides its own tokens, and what it may report.
struct BlockContext {
  torch::Tensor keys;  // (B,K,W), cross-attention only
  KeyMask key_mask;    // of keys
  // false: the cross-attention replaces x instead of being added to it
  bool cross_residual = true;
  // If set, receives the cross-attention's weights (B,heads,T,K).
  torch::Tensor* cross_weights = nullptr;
  // If set, the block computes these rows only, but reads all (pre-norm, without dropout).
  const TokenSubset* wanted = nullptr;
  const WindowPairs* windows = nullptr;   // of the layout's windows, if config.window
  const KeyedDropout* dropout = nullptr;  // on the outputs of attention and MLP
  std::int64_t layer = 0;                 // keys the dropout masks
};

// The one transformer block of the library: ViT and BERT layers and the cross-modal decoders'
// layers are configurations of it.
// Pre-norm: [x += cross(ln_query x, ln_key keys)]; x += [scale_1] attn(ln_1 x); x += [scale_2]
// mlp(ln_2 x).
// Post-norm: x = ln_1(x + attn x); x = ln_2(x + mlp x).
class TransformerBlock : public torch::nn::Module {
 public:
  explicit TransformerBlock(const TransformerBlockConfig& config);
  // x (R,W), rows of `layout` -> (R,W), or the wanted rows of it. Fails (TORCH_CHECK) on widths
  // that do not fit.
  torch::Tensor forward(const torch::Tensor& x, const TokenLayout& layout,
                        const BlockContext& context = {}) const;
  void initialise(const Initializer& init, const BlockInit& std);

  std::shared_ptr<LayerNorm> ln_1, ln_2, ln_query, ln_key;
  std::shared_ptr<Attention> attn, cross_attn;
  std::shared_ptr<Mlp> mlp;
  torch::Tensor scale_1, scale_2;        // (W), with layer_scale
  torch::Tensor relative_position_bias;  // ((2 window - 1)^2, heads), with a window

 private:
  enum class Site { kCross, kSelf, kMlp };  // places of dropout
  struct Pass;                              // one call's layout and context
  torch::Tensor pre_norm(torch::Tensor x, const Pass& pass) const;
  torch::Tensor post_norm(torch::Tensor x, const Pass& pass) const;
  torch::Tensor read_keys(const torch::Tensor& x, const Pass& pass) const;
  torch::Tensor wanted_rows(const torch::Tensor& x, const Pass& pass) const;
  torch::Tensor pair_bias(const WindowPairs* windows) const;

  TransformerBlockConfig config_;
};

// `count` equal blocks, registered in `owner` as name.0, name.1, ...
std::vector<std::shared_ptr<TransformerBlock>> register_blocks(torch::nn::Module& owner,
                                                               const std::string& name,
                                                               const TransformerBlockConfig& config,
                                                               std::int64_t count);

}  // namespace biplane
