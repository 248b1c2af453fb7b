#include "biplane/nn/transformer.h"

#include <cmath>
#include <optional>

namespace biplane {
namespace {

constexpr double kQuickGeluSlope = 1.702;

// a + b, written into a, the fresh output of a matrix product. Under autocast `a` may be narrower
// than `b`: then the sum has to be a new tensor.
torch::Tensor add_residual(torch::Tensor a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() ? a.add_(b) : b + a;
}

}  // namespace

BlockInit BlockInit::clip(std::int64_t width, std::int64_t layers) {
  const auto w = static_cast<double>(width);
  const auto depth = static_cast<double>(layers);
  return {1.0 / std::sqrt(w), 1.0 / std::sqrt(2.0 * depth * w), 1.0 / std::sqrt(2.0 * w)};
}

KeyMask KeyMask::of(const torch::Tensor& valid) {
  if (!valid.defined()) return {};
  TORCH_CHECK(valid.dim() == 2 && valid.scalar_type() == torch::kBool,
              "a key mask is (B,K) bool, not ", valid.sizes(), " ", valid.scalar_type());
  const bool on_cpu = valid.device().is_cpu();
  if (on_cpu && valid.all().item<bool>()) return {};
  const torch::Tensor attendable = valid.any(1, true);
  KeyMask mask;
  mask.valid = valid;
  if (!on_cpu || !attendable.all().item<bool>()) {
    // A softmax over no key is not a number: such a study attends everything, and what it reads is
    // set to 0.
    mask.valid = valid.logical_or(attendable.logical_not());
    mask.attendable = attendable.unsqueeze(2);
  }
  mask.valid = mask.valid.unsqueeze(1).unsqueeze(1);
  return mask;
}

Attention::Attention(std::int64_t width, std::int64_t heads) : width_(width), heads_(heads) {
  TORCH_CHECK(heads > 0 && width % heads == 0, "attention: ", heads,
              " heads do not divide the width ", width);
  in_proj_weight = register_parameter("in_proj_weight", torch::zeros({3 * width, width}));
  in_proj_bias = register_parameter("in_proj_bias", torch::zeros({3 * width}));
  out_proj = register_module("out_proj", std::make_shared<Linear>(width, width));
}

torch::Tensor Attention::split_heads(const torch::Tensor& x, std::int64_t batch) const {
  return x.view({batch, x.size(0) / batch, heads_, width_ / heads_}).transpose(1, 2);
}

torch::Tensor Attention::attend(const std::vector<torch::Tensor>& qkv, std::int64_t batch,
                                const KeyMask& mask) const {
  const std::optional<torch::Tensor> valid =
      mask.valid.defined() ? std::optional(mask.valid) : std::nullopt;
  torch::Tensor read =
      at::scaled_dot_product_attention(split_heads(qkv[0], batch), split_heads(qkv[1], batch),
                                       split_heads(qkv[2], batch), valid)
          .transpose(1, 2)
          .reshape({qkv[0].size(0), width_});
  if (mask.attendable.defined()) {
    read = (read.view({batch, -1, width_}) * mask.attendable).view({-1, width_});
  }
  return out_proj->forward(read);
}

torch::Tensor Attention::self(const torch::Tensor& x, std::int64_t batch,
                              const KeyMask& mask) const {
  return attend(at::linear(x, in_proj_weight, in_proj_bias).split(width_, 1), batch, mask);
}

torch::Tensor Attention::cross(const torch::Tensor& query, const torch::Tensor& keys,
                               std::int64_t batch, const KeyMask& mask) const {
  const auto weights = in_proj_weight.split_with_sizes({width_, 2 * width_});
  const auto biases = in_proj_bias.split_with_sizes({width_, 2 * width_});
  const torch::Tensor q = at::linear(query, weights[0], biases[0]);
  const auto kv = at::linear(keys, weights[1], biases[1]).split(width_, 1);
  return attend({q, kv[0], kv[1]}, batch, mask);
}

torch::Tensor Attention::cross_weights(const torch::Tensor& query, const torch::Tensor& keys,
                                       std::int64_t batch, const KeyMask& mask) const {
  const auto weights = in_proj_weight.split(width_);
  const auto biases = in_proj_bias.split(width_);
  const torch::Tensor q = split_heads(at::linear(query, weights[0], biases[0]), batch);
  const torch::Tensor k = split_heads(at::linear(keys, weights[1], biases[1]), batch);
  torch::Tensor scores =
      at::matmul(q, k.transpose(2, 3)).div(std::sqrt(static_cast<double>(width_ / heads_)));
  if (mask.valid.defined()) scores = scores.masked_fill(mask.valid.logical_not(), -INFINITY);
  torch::Tensor attention = scores.softmax(-1);
  if (mask.attendable.defined()) attention = attention * mask.attendable.unsqueeze(3);
  return attention;
}

void Attention::initialise(const Initializer& init, const BlockInit& std) {
  init.normal("in_proj_weight", in_proj_weight, std.attention);
  init.uniform("in_proj_bias", in_proj_bias, 0.0);
  out_proj->initialise_normal(init.child("out_proj"), std.projection);
}

torch::Tensor quick_gelu(const torch::Tensor& x) {
  return at::silu(x * kQuickGeluSlope) * (1.0 / kQuickGeluSlope);
}

Mlp::Mlp(std::int64_t width, std::int64_t hidden, Activation activation) : activation_(activation) {
  c_fc = register_module("c_fc", std::make_shared<Linear>(width, hidden));
  c_proj = register_module("c_proj", std::make_shared<Linear>(hidden, width));
}

torch::Tensor Mlp::forward(const torch::Tensor& x) const {
  if (activation_ == Activation::kGelu) return c_proj->forward(at::gelu(c_fc->forward(x)));
  // QuickGELU is silu(s x) / s. The factors go into the weights, which are small beside the hidden
  // values: one pass over these instead of three.
  const torch::Tensor hidden =
      at::silu(at::linear(x, c_fc->weight * kQuickGeluSlope, c_fc->bias * kQuickGeluSlope));
  return at::linear(hidden, c_proj->weight * (1.0 / kQuickGeluSlope), c_proj->bias);
}

void Mlp::initialise(const Initializer& init, const BlockInit& std) {
  c_fc->initialise_normal(init.child("c_fc"), std.mlp);
  c_proj->initialise_normal(init.child("c_proj"), std.projection);
}

// Sizes of the (B,T) tokens whose features a block handles as B*T rows.
struct TransformerBlock::Rows {
  std::int64_t batch, tokens, width;
};

TransformerBlock::TransformerBlock(const TransformerBlockConfig& config) : config_(config) {
  TORCH_CHECK(!config.cross_attention || config.norm == NormPlace::kPre,
              "cross-attention needs a pre-norm block");
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
}

torch::Tensor TransformerBlock::forward(const torch::Tensor& x, const BlockContext& context) const {
  TORCH_CHECK(x.dim() == 3 && x.size(2) == config_.width, "a block of width ", config_.width,
              " got tokens of shape ", x.sizes());
  TORCH_CHECK(context.keys.defined() == config_.cross_attention,
              "keys belong to a block with cross-attention");
  const Rows rows{x.size(0), x.size(1), x.size(2)};
  const torch::Tensor flat = x.reshape({rows.batch * rows.tokens, rows.width});
  const torch::Tensor y = config_.norm == NormPlace::kPre ? pre_norm(flat, rows, context)
                                                          : post_norm(flat, rows, context);
  return y.view({rows.batch, rows.tokens, rows.width});
}

torch::Tensor TransformerBlock::dropped(const torch::Tensor& y, const Rows& rows,
                                        const BlockContext& context, Site site) const {
  if (context.dropout == nullptr) return y;
  const std::int64_t key = 3 * context.layer + static_cast<std::int64_t>(site);
  return context.dropout->apply(y.view({rows.batch, rows.tokens, rows.width}), key).view_as(y);
}

torch::Tensor TransformerBlock::pre_norm(torch::Tensor x, const Rows& rows,
                                         const BlockContext& context) const {
  const auto drop = [&](const torch::Tensor& y, Site site) {
    return dropped(y, rows, context, site);
  };
  if (cross_attn) {
    const torch::Tensor query = ln_query->forward(x);
    const torch::Tensor keys = ln_key->forward(context.keys.reshape({-1, rows.width}));
    if (context.cross_weights != nullptr) {
      *context.cross_weights = cross_attn->cross_weights(query, keys, rows.batch, context.key_mask);
    }
    const torch::Tensor read =
        drop(cross_attn->cross(query, keys, rows.batch, context.key_mask), Site::kCross);
    x = context.cross_residual ? add_residual(read, x) : read;
  }
  x = add_residual(drop(attn->self(ln_1->forward(x), rows.batch, context.mask), Site::kSelf), x);
  return add_residual(drop(mlp->forward(ln_2->forward(x)), Site::kMlp), x);
}

torch::Tensor TransformerBlock::post_norm(torch::Tensor x, const Rows& rows,
                                          const BlockContext& context) const {
  const auto drop = [&](const torch::Tensor& y, Site site) {
    return dropped(y, rows, context, site);
  };
  x = ln_1->forward(add_residual(drop(attn->self(x, rows.batch, context.mask), Site::kSelf), x));
  return ln_2->forward(add_residual(drop(mlp->forward(x), Site::kMlp), x));
}

void TransformerBlock::initialise(const Initializer& init, const BlockInit& std) {
  attn->initialise(init.child("attn"), std);
  if (cross_attn) cross_attn->initialise(init.child("cross_attn"), std);
  mlp->initialise(init.child("mlp"), std);
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
