#include "biplane/nn/bert.h"

#include <cmath>

#include "biplane/nn/config_check.h"
#include "biplane/nn/local_start.h"

namespace biplane {
namespace {

constexpr double kEps = 1e-12;

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
  require_size(config.vocabulary, key + ".vocabulary", kMostRows);
  require_size(config.width, key + ".width", kMostSize);
  require_size(config.layers, key + ".layers", kMostLayers);
  require_heads(config.heads, config.width, key + ".heads");
  require_size(config.max_positions, key + ".max_positions", kMostRows);
  require_size(config.token_types, key + ".token_types", kMostSize);
  require_mlp(config.mlp_ratio, config.width, key + ".mlp_ratio");
  require_config(config.init_std > 0.0, key + ".init_std", "must be positive");
  require_config(
      !config.local_start || config.width / config.heads % 2 == 0, key + ".local_start",
      "needs heads of an even width, not " + std::to_string(config.width / config.heads));
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

torch::Tensor Bert::embed(const BertInput& input, const TokenLayout& layout) const {
  const std::int64_t batch = layout.batch(), tokens = layout.tokens();
  TORCH_CHECK(input.ids.dim() == 2 && input.ids.size(0) == batch && input.ids.size(1) == tokens,
              "ids must be (", batch, ",", tokens, "), not ", input.ids.sizes());
  TORCH_CHECK(tokens <= config_.max_positions, "a report of ", tokens,
              " tokens is longer than the ", config_.max_positions,
              " positions of the text encoder");
  const torch::Tensor& rows = layout.rows();
  const auto at_rows = [&](const torch::Tensor& places) {
    const torch::Tensor flat = places.reshape({-1});
    return rows.defined() ? flat.index_select(0, rows) : flat;
  };
  torch::Tensor table = position_embeddings.narrow(0, 0, tokens);
  if (!input.token_types.defined()) table = table + token_type_embeddings.select(0, 0);
  torch::Tensor x = at::embedding(word_embeddings, at_rows(input.ids));
  if (input.token_types.defined()) {
    x = x + at::embedding(token_type_embeddings, at_rows(input.token_types));
  }
  x = rows.defined() ? x + at::embedding(table, rows.remainder(tokens))
                     : (x.view({batch, tokens, config_.width}) + table).view_as(x);
  return ln_embeddings->forward(x);
}

torch::Tensor Bert::forward(const BertInput& input, const TokenLayout& layout,
                            std::vector<torch::Tensor>* hidden_states) const {
  torch::Tensor x = embed(input, layout);
  if (input.dropout != nullptr) {
    x = layout.flatten(input.dropout->apply(layout.unflatten(x), 0));
  }
  if (hidden_states != nullptr) *hidden_states = {x};
  BlockContext context;
  context.dropout = input.dropout;
  for (const auto& block : blocks) {
    if (input.class_attention != nullptr && block == blocks.back())
      *input.class_attention = class_attention(x, layout);
    ++context.layer;  // 0 is the embeddings' place
    x = block->forward(x, layout, context);
    if (hidden_states != nullptr) hidden_states->push_back(x);
  }
  return x;
}

// One row of queries: the attention of the other tokens is never written down.
torch::Tensor Bert::class_attention(const torch::Tensor& x, const TokenLayout& layout) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor all =
      layout.spread(x.detach());  // (B*T,W); a post-norm block attends x itself
  const torch::Tensor first =
      all.view({layout.batch(), layout.tokens(), config_.width}).select(1, 0);
  return blocks.back()
      ->attn->cross_weights(first, TokenLayout::padded(layout.batch(), 1), all, layout.mask())
      .mean(1)
      .squeeze(1);
}

void Bert::initialise(const Initializer& init) {
  init.normal("word_embeddings", word_embeddings, config_.init_std);
  init.normal("position_embeddings", position_embeddings, config_.init_std);
  init.normal("token_type_embeddings", token_type_embeddings, config_.init_std);
  const double block_std =
      config_.local_start ? 1.0 / std::sqrt(static_cast<double>(config_.width)) : config_.init_std;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i]->initialise(init.child("blocks." + std::to_string(i)),
                          {block_std, block_std, block_std});
  }
  if (!config_.local_start) return;
  const LocalStart start(config_.width, config_.heads, config_.init_std);
  start.fill_positions(position_embeddings);
  for (const auto& block : blocks) start.fill_queries_and_keys(block->attn->in_proj_weight);
}

}  // namespace biplane
