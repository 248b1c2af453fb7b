#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/nn/libtorch.h"
#include "biplane/nn/transformer.h"

namespace biplane {

struct CrossDecoderConfig {
  std::string style = "figure";  // figure | reference
  std::int64_t width = 512;
  std::int64_t heads = 8;
  // figure: full layers; reference: self-attention blocks after the cross-attention
  std::int64_t layers = 4;
  // figure only; false: what leaves the first cross-attention is read from the keys alone
  bool first_cross_residual = true;
};

struct DecoderKeys {
  torch::Tensor keys;    // (B,K,D)
  torch::Tensor mask{};  // (B,K) bool; undefined = all valid
};

// What may be asked of a decoder besides its output.
struct DecoderRequest {
  // Receives the FIRST cross-attention's weights, mean over heads: (B,T,K).
  torch::Tensor* attention = nullptr;
  // The output has these rows only; the last layer computes no others.
  const TokenSubset* wanted = nullptr;
};

// Cross-modal decoder (docs/method.md, section 3; section 4 uses figure style with
// first_cross_residual false).
class CrossDecoder : public torch::nn::Module {
 public:
  explicit CrossDecoder(const CrossDecoderConfig& config);
  // query (R,D), rows of `layout` -> (R,D), or the wanted rows of it.
  torch::Tensor forward(const torch::Tensor& query, const TokenLayout& layout,
                        const DecoderKeys& keys, const DecoderRequest& request = {}) const;
  void initialise(const Initializer& init);

  std::shared_ptr<LayerNorm> ln_query, ln_key, ln_post;  // ln_query, ln_key: reference style only
  std::shared_ptr<Attention> cross_attn;                 // reference style only
  // Registered as layers.N (figure) or blocks.N (reference).
  std::vector<std::shared_ptr<TransformerBlock>> layers;

 private:
  torch::Tensor first_cross(const torch::Tensor& query, const TokenLayout& layout,
                            const torch::Tensor& keys, const BlockContext& context) const;

  CrossDecoderConfig config_;
};

}  // namespace biplane
