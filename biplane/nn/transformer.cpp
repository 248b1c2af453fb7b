#include "biplane/nn/transformer.h"

#include <torch/nn/modules/container/modulelist.h>

#include <utility>

namespace biplane {
namespace {

constexpr double kQuickGeluSlope = 1.702;
constexpr double kLayerScaleStart = 1e-5;  // DINOv2's
constexpr double kPositionBiasStd = 0.02;  // Swin's

// a + b, written into a, the fresh output of a matrix product. Under autocast `a` may be narrower
// than `b`: then the sum has to be a new tensor.
torch::Tensor add_residual(torch::Tensor a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() ? a.add_(b) : b + a;
}

// scale * a + b; without a scale as above.
torch::Tensor add_residual(torch::Tensor a, const torch::Tensor& scale, const torch::Tensor& b) {
  return scale.defined() ? at::addcmul(b, a, scale) : add_residual(std::move(a), b);
}

}  // namespace

torch::Tensor quick_gelu(const torch::Tensor& x) {
  return at::silu(x * kQuickGeluSlope) * (1.0 / kQuickGeluSlope);
}

Mlp::Mlp(std::int64_t width, std::int64_t hidden, Activation activation) : activation_(activation) {
  c_fc = register_module("c_fc", std::make_shared<Linear>(width, hidden));
  c_proj = register_module("c_proj", std::make_shared<Linear>(hidden, width));
}

torch::Tensor Mlp::forward(const torch::Tensor& x) const {
  if (activation_ == Activation::kGelu) return c_proj->forward(at::gelu(c_fc->forward(x)));
  // QuickGELU is silu(s x) / s. Where the weights are small beside the hidden values the factors go
  // into them: one pass over the values instead of three. Large weights would have to be kept twice
  // until the backward pass.
  const std::int64_t width = c_fc->weight.size(1);
  if (x.numel() / width < kQuickGeluFoldRows * width)
    return c_proj->forward(quick_gelu(c_fc->forward(x)));
  const torch::Tensor hidden =
      at::silu(at::linear(x, c_fc->weight * kQuickGeluSlope, c_fc->bias * kQuickGeluSlope));
  return at::linear(hidden, c_proj->weight * (1.0 / kQuickGeluSlope), c_proj->bias);
}

void Mlp::initialise(const Initializer& init, const BlockInit& std) {
  c_fc->initialise_normal(init.child("c_fc"), std.mlp);
  c_proj->initialise_normal(init.child("c_proj"), std.projection);
}

TransformerBlock::TransformerBlock(const TransformerBlockConfig& config) : config_(config) {
  TORCH_CHECK(config.norm == NormPlace::kPre ||
                  (!config.cross_attention && !config.layer_scale && config.window == 0),
              "cross-attention, LayerScale and windows need a pre-norm block");
  const auto norm = [&] {
    return std::make_shared<LayerNorm>(config.width, config.layer_norm_eps);
  };
  if (config.cross_attention) {
    ln_query = register_module("ln_query", norm());
    ln_key = register_module("ln_key", norm());
    cross_attn =
        register_module("cross_attn", std::make_shared<Attention>(config.width, config.heads));
  }
  ln_1 = register_module("ln_1", norm());
  attn = register_module("attn", std::make_shared<Attention>(config.width, config.heads));
  ln_2 = register_module("ln_2", norm());
  mlp = register_module("mlp",
                        std::make_shared<Mlp>(config.width, config.mlp_width, config.activation));
  if (config.layer_scale) {
    scale_1 = register_parameter("scale_1", torch::full({config.width}, kLayerScaleStart));
    scale_2 = register_parameter("scale_2", torch::full({config.width}, kLayerScaleStart));
  }
  if (config.window > 0) {
    const std::int64_t offsets = 2 * config.window - 1;
    relative_position_bias = register_parameter("relative_position_bias",
                                                torch::zeros({offsets * offsets, config.heads}));
  }
}

struct TransformerBlock::Pass {
  const TokenLayout& layout;
  const BlockContext& context;

  torch::Tensor drop(const torch::Tensor& y, Site site) const {
    if (context.dropout == nullptr) return y;
    const std::int64_t key = 3 * context.layer + static_cast<std::int64_t>(site);
    return layout.flatten(context.dropout->apply(layout.unflatten(y), key));
  }
};

torch::Tensor TransformerBlock::forward(const torch::Tensor& x, const TokenLayout& layout,
                                        const BlockContext& context) const {
  TORCH_CHECK(x.dim() == 2 && x.size(1) == config_.width, "a block of width ", config_.width,
              " got tokens of shape ", x.sizes());
  TORCH_CHECK(context.keys.defined() == config_.cross_attention,
              "keys belong to a block with cross-attention");
  TORCH_CHECK((context.windows != nullptr) == (config_.window > 0),
              "window pairs belong to a block with windows");
  TORCH_CHECK(context.wanted == nullptr || (config_.norm == NormPlace::kPre &&
                                            context.dropout == nullptr && config_.window == 0),
              "a part of the rows can be had of a pre-norm block without dropout or windows only");
  const Pass pass{layout, context};
  return config_.norm == NormPlace::kPre ? pre_norm(x, pass) : post_norm(x, pass);
}

torch::Tensor TransformerBlock::read_keys(const torch::Tensor& x, const Pass& pass) const {
  const BlockContext& context = pass.context;
  const torch::Tensor query = ln_query->forward(x);
  const torch::Tensor keys = ln_key->forward(context.keys.reshape({-1, config_.width}));
  if (context.cross_weights != nullptr) {
    *context.cross_weights = cross_attn->cross_weights(query, pass.layout, keys, context.key_mask);
  }
  return cross_attn->cross(query, pass.layout, keys, context.key_mask);
}

torch::Tensor TransformerBlock::pre_norm(torch::Tensor x, const Pass& pass) const {
  if (cross_attn) {
    const torch::Tensor read = pass.drop(read_keys(x, pass), Site::kCross);
    x = pass.context.cross_residual ? add_residual(read, x) : read;
  }
  if (pass.context.wanted != nullptr) return wanted_rows(x, pass);
  const torch::Tensor bias = pair_bias(pass.context.windows);
  const torch::Tensor read = attn->self(ln_1->forward(x), pass.layout, bias);
  x = add_residual(pass.drop(read, Site::kSelf), scale_1, x);
  return add_residual(pass.drop(mlp->forward(ln_2->forward(x)), Site::kMlp), scale_2, x);
}

// What pre_norm does after the cross-attention, for the wanted rows.
torch::Tensor TransformerBlock::wanted_rows(const torch::Tensor& x, const Pass& pass) const {
  const TokenSubset& wanted = *pass.context.wanted;
  const torch::Tensor normed = ln_1->forward(x);
  const torch::Tensor read = attn->read(wanted.pick(normed), wanted.layout, normed, pass.layout);
  const torch::Tensor y = add_residual(read, scale_1, wanted.pick(x));
  return add_residual(mlp->forward(ln_2->forward(y)), scale_2, y);
}

// (1 or G, heads, K, K): the table's entry for each pair of places, and the regions'.
torch::Tensor TransformerBlock::pair_bias(const WindowPairs* windows) const {
  if (windows == nullptr) return {};
  const std::int64_t places = config_.window * config_.window;
  const torch::Tensor bias = relative_position_bias.t()
                                 .index_select(1, windows->relative)
                                 .view({1, config_.heads, places, places});
  return windows->regions.defined() ? bias + windows->regions : bias;
}

torch::Tensor TransformerBlock::post_norm(torch::Tensor x, const Pass& pass) const {
  x = ln_1->forward(add_residual(pass.drop(attn->self(x, pass.layout), Site::kSelf), x));
  return ln_2->forward(add_residual(pass.drop(mlp->forward(x), Site::kMlp), x));
}

void TransformerBlock::initialise(const Initializer& init, const BlockInit& std) {
  attn->initialise(init.child("attn"), std);
  if (cross_attn) cross_attn->initialise(init.child("cross_attn"), std);
  mlp->initialise(init.child("mlp"), std);
  if (relative_position_bias.defined())
    init.normal("relative_position_bias", relative_position_bias, kPositionBiasStd);
}

std::vector<std::shared_ptr<TransformerBlock>> register_blocks(torch::nn::Module& owner,
                                                               const std::string& name,
                                                               const TransformerBlockConfig& config,
                                                               std::int64_t count) {
  torch::nn::ModuleList list;
  std::vector<std::shared_ptr<TransformerBlock>> blocks;
  for (std::int64_t i = 0; i < count; ++i) {
    blocks.push_back(std::make_shared<TransformerBlock>(config));
    list->push_back(blocks.back());
  }
  owner.register_module(name, list);
  return blocks;
}

}  // namespace biplane
