#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/nn/libtorch.h"
#include "biplane/nn/transformer.h"

namespace biplane {

struct BertConfig {
  std::int64_t vocabulary = 28996;  // entries of vocab.txt
  std::int64_t width = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  double mlp_ratio = 4.0;
  std::int64_t max_positions = 512;  // longest report in tokens
  std::int64_t token_types = 2;
  double init_std =
      0.02;  // of all weights; small widths learn faster from about 0.55 / sqrt(width)
  // Attention begins by reading the neighbouring words (LocalStart); the blocks' other weights
  // begin with standard deviation width^-0.5.
  bool local_start = false;

  template <class V>
  void visit(V& v) {
    v.field("vocabulary", vocabulary);
    v.field("width", width);
    v.field("layers", layers);
    v.field("heads", heads);
    v.field("mlp_ratio", mlp_ratio);
    v.field("max_positions", max_positions);
    v.field("token_types", token_types);
    v.field("init_std", init_std);
    v.field("local_start", local_start);
  }
};

// Throws Error kUsage naming `key` and the value that cannot be.
void check_config(const BertConfig& config, const std::string& key);

struct BertInput {
  torch::Tensor ids;                      // (B,T) i64
  torch::Tensor token_types{};            // (B,T) i64; undefined = all 0
  const KeyedDropout* dropout = nullptr;  // on hidden states
  // If set, receives what the first token attends to in the last layer: (B,T), mean over heads, no
  // gradient, 0 at padding.
  torch::Tensor* class_attention = nullptr;
};

// BERT encoder: post-norm, exact GELU, learned positions, token types, eps 1e-12 (method section
// 2).
class Bert : public torch::nn::Module {
 public:
  explicit Bert(const BertConfig& config);
  // Last hidden state (R,W), rows of `layout`, whose mask says which tokens are valid. With
  // `hidden_states` also the states after the embeddings and after each layer.
  torch::Tensor forward(const BertInput& input, const TokenLayout& layout,
                        std::vector<torch::Tensor>* hidden_states = nullptr) const;
  void initialise(const Initializer& init);
  const BertConfig& config() const { return config_; }

  torch::Tensor word_embeddings;        // (V,W)
  torch::Tensor position_embeddings;    // (P,W)
  torch::Tensor token_type_embeddings;  // (types,W)
  std::shared_ptr<LayerNorm> ln_embeddings;
  std::vector<std::shared_ptr<TransformerBlock>> blocks;

 private:
  torch::Tensor class_attention(const torch::Tensor& x, const TokenLayout& layout) const;
  torch::Tensor embed(const BertInput& input, const TokenLayout& layout) const;

  BertConfig config_;
};

}  // namespace biplane
