#include "biplane/nn/bert.h"

#include <cmath>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr double kEps = 1e-12;

void require(bool holds, const std::string& key, const std::string& problem) {
  if (!holds) throw Error(ErrorKind::kUsage, key + ": " + problem);
}

TransformerBlockConfig block_config(const BertConfig& config) {
  TransformerBlockConfig block;
  block.width = config.width;
  block.heads = config.heads;
  block.mlp_width = std::llround(config.mlp_ratio * static_cast<double>(config.width));
  block.activation = Activation::kGelu;
  block.norm = NormPlace::kPost;
  block.layer_norm_eps = kEps;
  return block;
}

}  // namespace

void check_config(const BertConfig& config, const std::string& key) {
  const auto positive = [&](std::int64_t value, const char* name) {
    require(value >= 1, key + "." + name, std::to_string(value) + " is not positive");
  };
  positive(config.vocabulary, "vocabulary");
  positive(config.width, "width");
  positive(config.layers, "layers");
  positive(config.heads, "heads");
  positive(config.max_positions, "max_positions");
  positive(config.token_types, "token_types");
  require(
      config.width % config.heads == 0, key + ".heads",
      std::to_string(config.heads) + " does not divide the width " + std::to_string(config.width));
  require(config.mlp_ratio * static_cast<double>(config.width) >= 1.0, key + ".mlp_ratio",
          "leaves no hidden unit");
  require(config.init_std > 0.0, key + ".init_std", "must be positive");
}

Bert::Bert(const BertConfig& config) : config_(config) {
  check_config(config, "bert");
  const auto table = [&](const char* name, std::int64_t rows) {
    return register_parameter(name, torch::zeros({rows, config.width}));
  };
  word_embeddings = table("word_embeddings", config.vocabulary);
  position_embeddings = table("position_embeddings", config.max_positions);
  token_type_embeddings = table("token_type_embeddings", config.token_types);
  ln_embeddings = register_module("ln_embeddings", std::make_shared<LayerNorm>(config.width, kEps));
  blocks = register_blocks(*this, "blocks", block_config(config), config.layers);
}

torch::Tensor Bert::embed(const BertInput& input) const {
  TORCH_CHECK(input.ids.dim() == 2, "ids must be (B,T), not ", input.ids.sizes());
  const std::int64_t tokens = input.ids.size(1);
  TORCH_CHECK(tokens <= config_.max_positions, "a report of ", tokens,
              " tokens is longer than the ", config_.max_positions,
              " positions of the text encoder");
  const torch::Tensor words = at::embedding(word_embeddings, input.ids);
  const torch::Tensor places = position_embeddings.narrow(0, 0, tokens);
  const torch::Tensor x =
      input.token_types.defined()
          ? words + at::embedding(token_type_embeddings, input.token_types) + places
          : words + (places + token_type_embeddings.select(0, 0));
  return ln_embeddings->forward(x);
}

torch::Tensor Bert::forward(const BertInput& input,
                            std::vector<torch::Tensor>* hidden_states) const {
  torch::Tensor x = embed(input);
  TORCH_CHECK(!input.attention_mask.defined() || input.attention_mask.sizes() == input.ids.sizes(),
              "the attention mask must have the shape of the ids, ", input.ids.sizes());
  if (input.dropout != nullptr) x = input.dropout->apply(x, 0);
  if (hidden_states != nullptr) *hidden_states = {x};
  BlockContext context;
  context.mask = KeyMask::of(input.attention_mask);
  context.dropout = input.dropout;
  for (const auto& block : blocks) {
    ++context.layer;  // 0 is the embeddings' place
    x = block->forward(x, context);
    if (hidden_states != nullptr) hidden_states->push_back(x);
  }
  return x;
}

void Bert::initialise(const Initializer& init) {
  init.normal("word_embeddings", word_embeddings, config_.init_std);
  init.normal("position_embeddings", position_embeddings, config_.init_std);
  init.normal("token_type_embeddings", token_type_embeddings, config_.init_std);
  const BlockInit std{config_.init_std, config_.init_std, config_.init_std};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i]->initialise(init.child("blocks." + std::to_string(i)), std);
  }
}

}  // namespace biplane
