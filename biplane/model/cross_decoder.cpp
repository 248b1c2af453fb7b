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

torch::Tensor CrossDecoder::first_cross(const CrossDecoderInput& input,
                                        const BlockContext& context) const {
  const std::int64_t batch = input.query.size(0), width = config_.width;
  const torch::Tensor query = ln_query->forward(input.query.reshape({-1, width}));
  const torch::Tensor keys = ln_key->forward(input.keys.reshape({-1, width}));
  if (context.cross_weights != nullptr) {
    *context.cross_weights = cross_attn->cross_weights(query, keys, batch, context.key_mask);
  }
  return cross_attn->cross(query, keys, batch, context.key_mask).view_as(input.query);
}

torch::Tensor CrossDecoder::forward(const CrossDecoderInput& input,
                                    torch::Tensor* attention) const {
  TORCH_CHECK(input.query.dim() == 3 && input.keys.dim() == 3 &&
                  input.query.size(0) == input.keys.size(0) &&
                  input.query.size(2) == config_.width && input.keys.size(2) == config_.width,
              "decoder of width ", config_.width, " got queries ", input.query.sizes(),
              " and keys ", input.keys.sizes());
  BlockContext context;
  context.mask = KeyMask::of(input.query_mask);
  context.key_mask = KeyMask::of(input.key_mask);
  context.cross_weights = attention;
  context.cross_residual = config_.first_cross_residual;
  torch::Tensor x = input.query;
  if (cross_attn) {
    x = first_cross(input, context);
  } else {
    context.keys = input.keys;
  }
  for (const auto& layer : layers) {
    x = layer->forward(x, context);
    context.cross_weights = nullptr;
    context.cross_residual = true;
  }
  if (attention != nullptr) *attention = attention->mean(1);
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
