#include "biplane/nn/token_layout.h"

namespace biplane {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor put_rows(const torch::Tensor& x, const torch::Tensor& rows, std::int64_t total) {
  return x.new_zeros({total, x.size(1)}).index_copy_(0, rows, x);
}

// The row of each of `total` places, 0 where there is none.
torch::Tensor inverse(const torch::Tensor& rows, std::int64_t total) {
  return at::zeros({total}, rows.options())
      .index_copy_(0, rows, at::arange(rows.size(0), rows.options()));
}

// Gathering rows and putting them back are each other's adjoints. LibTorch's own backward of a
// gather adds row by row, because rows might repeat; these do not, and a copy is enough.
struct GatherRows : torch::autograd::Function<GatherRows> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& rows) {
    context->save_for_backward({rows});
    context->saved_data["total"] = x.size(0);
    return x.index_select(0, rows);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const std::int64_t total = context->saved_data["total"].toInt();
    return {put_rows(gradients[0], context->get_saved_variables()[0], total), {}};
  }
};

struct PutRows : torch::autograd::Function<PutRows> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& rows, std::int64_t total) {
    context->save_for_backward({rows});
    return put_rows(x, rows, total);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {gradients[0].index_select(0, context->get_saved_variables()[0]), {}, {}};
  }
};

// PutRows without the zeros: places without a row repeat one. Attention masks them as keys and
// drops what they read as queries, so their gradient is 0 and the backward pass is the same.
struct SpreadRows : torch::autograd::Function<SpreadRows> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& rows, const torch::Tensor& row_at) {
    context->save_for_backward({rows});
    return x.index_select(0, row_at);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {gradients[0].index_select(0, context->get_saved_variables()[0]), {}, {}};
  }
};

}  // namespace

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

TokenLayout TokenLayout::padded(std::int64_t batch, std::int64_t tokens,
                                const torch::Tensor& valid) {
  TORCH_CHECK(
      !valid.defined() || (valid.dim() == 2 && valid.size(0) == batch && valid.size(1) == tokens),
      "the mask of ", batch, " studies of ", tokens, " tokens cannot be ", valid.sizes());
  TokenLayout layout;
  layout.batch_ = batch;
  layout.tokens_ = tokens;
  layout.mask_ = KeyMask::of(valid);
  return layout;
}

TokenLayout TokenLayout::packed(std::int64_t batch, std::int64_t tokens,
                                const torch::Tensor& valid) {
  TokenLayout layout = padded(batch, tokens, valid);
  if (!valid.defined()) return layout;
  const torch::Tensor rows = valid.reshape({-1}).nonzero().squeeze(1);
  if (rows.size(0) == batch * tokens || rows.size(0) == 0) return layout;
  layout.rows_ = rows;
  layout.row_at_ = inverse(rows, batch * tokens);
  return layout;
}

TokenLayout TokenLayout::arranged(std::int64_t batch, std::int64_t tokens,
                                  const torch::Tensor& rows) {
  TORCH_CHECK(rows.dim() == 1 && rows.size(0) <= batch * tokens, "rows of shape ", rows.sizes(),
              " have no place in ", batch, " x ", tokens);
  TokenLayout layout = padded(batch, tokens);
  layout.arranged_ = true;
  layout.rows_ = rows;
  if (rows.size(0) == batch * tokens) layout.row_at_ = inverse(rows, batch * tokens);
  return layout;
}

torch::Tensor TokenLayout::flatten(const torch::Tensor& x) const {
  TORCH_CHECK(x.dim() == 3 && x.size(0) == batch_ && x.size(1) == tokens_, "expected ", batch_,
              " studies of ", tokens_, " tokens, not ", x.sizes());
  return gather(x.reshape({batch_ * tokens_, x.size(2)}));
}

torch::Tensor TokenLayout::unflatten(const torch::Tensor& x) const {
  const torch::Tensor all = rows_.defined() ? PutRows::apply(x, rows_, batch_ * tokens_) : x;
  return all.view({batch_, tokens_, x.size(1)});
}

torch::Tensor TokenLayout::spread(const torch::Tensor& x) const {
  if (!rows_.defined()) return x;
  return row_at_.defined() ? SpreadRows::apply(x, rows_, row_at_)
                           : PutRows::apply(x, rows_, batch_ * tokens_);
}

torch::Tensor TokenLayout::gather(const torch::Tensor& x) const {
  return rows_.defined() ? GatherRows::apply(x, rows_) : x;
}

TokenSubset TokenSubset::of(const TokenLayout& from, const torch::Tensor& wanted) {
  TORCH_CHECK(
      wanted.dim() == 2 && wanted.size(0) == from.batch() && wanted.size(1) == from.tokens(),
      "the wanted tokens of ", from.batch(), " studies of ", from.tokens(), " cannot be ",
      wanted.sizes());
  const torch::Tensor counts = wanted.sum(1, true);
  const std::int64_t places = counts.max().item<std::int64_t>();
  TORCH_CHECK(places > 0, "no token is wanted");
  TokenSubset subset;
  const torch::Tensor picked = from.gather(wanted.reshape({-1, 1})).reshape({1, -1});
  subset.among = TokenLayout::packed(1, picked.size(1), picked);
  const torch::Tensor numbers = torch::arange(places, counts.options()).unsqueeze(0);
  subset.layout = TokenLayout::packed(from.batch(), places, numbers < counts);
  return subset;
}

torch::Tensor TokenSubset::pick(const torch::Tensor& x) const { return among.gather(x); }

}  // namespace biplane
