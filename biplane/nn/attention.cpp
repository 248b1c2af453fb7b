#include "biplane/nn/attention.h"

#include <cmath>
#include <optional>
#include <vector>

namespace biplane {

BlockInit BlockInit::clip(std::int64_t width, std::int64_t layers) {
  const auto w = static_cast<double>(width);
  const auto depth = static_cast<double>(layers);
  return {1.0 / std::sqrt(w), 1.0 / std::sqrt(2.0 * depth * w), 1.0 / std::sqrt(2.0 * w)};
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

torch::Tensor Attention::attend(const Projected& rows, const TokenLayout& layout,
                                const KeyMask& mask) const {
  const std::int64_t batch = layout.batch();
  const auto valid = mask.valid.defined() ? std::optional(mask.valid) : std::nullopt;
  torch::Tensor read =
      at::scaled_dot_product_attention(split_heads(rows.query, batch), split_heads(rows.key, batch),
                                       split_heads(rows.value, batch), valid)
          .transpose(1, 2);
  if (mask.attendable.defined()) read = read * mask.attendable.unsqueeze(3);
  return project(read, layout);
}

torch::Tensor Attention::project(const torch::Tensor& read, const TokenLayout& layout) const {
  return out_proj->forward(layout.gather(read.reshape({layout.batch() * layout.tokens(), width_})));
}

torch::Tensor Attention::self(const torch::Tensor& x, const TokenLayout& layout,
                              const torch::Tensor& bias) const {
  const auto in_proj = [&](const torch::Tensor& y) {
    return at::linear(y, in_proj_weight, in_proj_bias);
  };
  // The zeros of an arranged layout are tokens, so they are projected like all.
  const torch::Tensor all =
      layout.is_arranged() ? in_proj(layout.spread(x)) : layout.spread(in_proj(x));
  const auto rows = all.split(width_, 1);
  const Projected projected{rows[0], rows[1], rows[2]};
  if (!bias.defined()) return attend(projected, layout, layout.mask());
  TORCH_CHECK(!layout.mask().valid.defined(), "attention takes a bias or a mask, not both");
  return project(attend_biased(projected, layout.batch(), bias), layout);
}

torch::Tensor Attention::attend_biased(const Projected& rows, std::int64_t batch,
                                       const torch::Tensor& bias) const {
  const torch::Tensor q = split_heads(rows.query, batch), k = split_heads(rows.key, batch),
                      v = split_heads(rows.value, batch);
  const std::int64_t group = bias.size(0);
  TORCH_CHECK(batch % group == 0, "biases of ", group, " studies do not divide ", batch);
  const auto attend_from = [&](std::int64_t first, std::int64_t count) {
    return at::scaled_dot_product_attention(q.narrow(0, first, count), k.narrow(0, first, count),
                                            v.narrow(0, first, count), bias)
        .transpose(1, 2);
  };
  if (group == 1) return attend_from(0, batch);
  // The kernel repeats a bias over all studies but not over groups of them: one call for a group,
  // instead of copies of the bias, which is larger than the tokens.
  std::vector<torch::Tensor> read;
  for (std::int64_t first = 0; first < batch; first += group)
    read.push_back(attend_from(first, group));
  return at::cat(read, 0);
}

torch::Tensor Attention::read(const torch::Tensor& query, const TokenLayout& layout,
                              const torch::Tensor& x, const TokenLayout& from) const {
  const auto weights = in_proj_weight.split_with_sizes({width_, 2 * width_});
  const auto biases = in_proj_bias.split_with_sizes({width_, 2 * width_});
  const torch::Tensor q = layout.spread(at::linear(query, weights[0], biases[0]));
  const auto kv = from.spread(at::linear(x, weights[1], biases[1])).split(width_, 1);
  return attend({q, kv[0], kv[1]}, layout, from.mask());
}

torch::Tensor Attention::cross(const torch::Tensor& query, const TokenLayout& layout,
                               const torch::Tensor& keys, const KeyMask& mask) const {
  const auto weights = in_proj_weight.split_with_sizes({width_, 2 * width_});
  const auto biases = in_proj_bias.split_with_sizes({width_, 2 * width_});
  const torch::Tensor q = layout.spread(at::linear(query, weights[0], biases[0]));
  const auto kv = at::linear(keys, weights[1], biases[1]).split(width_, 1);
  return attend({q, kv[0], kv[1]}, layout, mask);
}

torch::Tensor Attention::cross_weights(const torch::Tensor& query, const TokenLayout& layout,
                                       const torch::Tensor& keys, const KeyMask& mask) const {
  const auto weights = in_proj_weight.split(width_);
  const auto biases = in_proj_bias.split(width_);
  const torch::Tensor q =
      split_heads(layout.spread(at::linear(query, weights[0], biases[0])), layout.batch());
  const torch::Tensor k = split_heads(at::linear(keys, weights[1], biases[1]), layout.batch());
  torch::Tensor scores =
      at::matmul(q, k.transpose(2, 3)).div(std::sqrt(static_cast<double>(width_ / heads_)));
  if (mask.valid.defined()) scores = scores.masked_fill(mask.valid.logical_not(), -INFINITY);
  const torch::Tensor attention = scores.softmax(-1);
  return mask.attendable.defined() ? attention * mask.attendable.unsqueeze(3) : attention;
}

void Attention::initialise(const Initializer& init, const BlockInit& std) {
  init.normal("in_proj_weight", in_proj_weight, std.attention);
  init.uniform("in_proj_bias", in_proj_bias, 0.0);
  out_proj->initialise_normal(init.child("out_proj"), std.projection);
}

}  // namespace biplane
