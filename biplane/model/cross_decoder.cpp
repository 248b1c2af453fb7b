#include "biplane/model/cross_decoder.h"

namespace biplane {
namespace {

constexpr double kEps = 1e-5;
constexpr std::int64_t kMlpRatio = 4;

}  // namespace

CrossDecoder::CrossDecoder(const CrossDecoderConfig& config) : config_(config) {
  const bool figure = config.style == "figure";
  TORCH_CHECK(figure || config.style == "reference", "decoder style \"", config.style,
              "\" is neither figure nor reference");
  TORCH_CHECK(config.layers >= 1, "a decoder needs at least one layer");
  const auto norm = [&] { return std::make_shared<LayerNorm>(config.width, kEps); };
  if (!figure) {
    ln_query = register_module("ln_query", norm());
    ln_key = register_module("ln_key", norm());
    cross_attn =
        register_module("cross_attn", std::make_shared<Attention>(config.width, config.heads));
  }
  TransformerBlockConfig block;
  block.width = config.width;
  block.heads = config.heads;
  block.mlp_width = kMlpRatio * config.width;
  block.layer_norm_eps = kEps;
  block.cross_attention = figure;
  layers = register_blocks(*this, figure ? "layers" : "blocks", block, config.layers);
  ln_post = register_module("ln_post", norm());
}

torch::Tensor CrossDecoder::first_cross(const torch::Tensor& query, const TokenLayout& layout,
                                        const torch::Tensor& keys,
                                        const BlockContext& context) const {
  const torch::Tensor normed_query = ln_query->forward(query);
  const torch::Tensor normed_keys = ln_key->forward(keys.reshape({-1, config_.width}));
  if (context.cross_weights != nullptr) {
    *context.cross_weights =
        cross_attn->cross_weights(normed_query, layout, normed_keys, context.key_mask);
  }
  return cross_attn->cross(normed_query, layout, normed_keys, context.key_mask);
}

torch::Tensor CrossDecoder::forward(const torch::Tensor& query, const TokenLayout& layout,
                                    const DecoderKeys& keys, const DecoderRequest& request) const {
  TORCH_CHECK(query.dim() == 2 && keys.keys.dim() == 3 && layout.batch() == keys.keys.size(0) &&
                  query.size(1) == config_.width && keys.keys.size(2) == config_.width,
              "decoder of width ", config_.width, " got queries ", query.sizes(), " of ",
              layout.batch(), " studies and keys ", keys.keys.sizes());
  BlockContext context;
  context.key_mask = KeyMask::of(keys.mask);
  context.cross_weights = request.attention;
  context.cross_residual = config_.first_cross_residual;
  torch::Tensor x = query;
  if (cross_attn) {
    x = first_cross(x, layout, keys.keys, context);
  } else {
    context.keys = keys.keys;
  }
  for (const auto& layer : layers) {
    if (layer == layers.back()) context.wanted = request.wanted;
    x = layer->forward(x, layout, context);
    context.cross_weights = nullptr;
    context.cross_residual = true;
  }
  if (request.attention != nullptr) *request.attention = request.attention->mean(1);
  return ln_post->forward(x);
}

void CrossDecoder::initialise(const Initializer& init) {
  const BlockInit std = BlockInit::clip(config_.width, config_.layers);
  if (cross_attn) cross_attn->initialise(init.child("cross_attn"), std);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i]->initialise(init.child("layers." + std::to_string(i)), std);
  }
}

}  // namespace biplane
