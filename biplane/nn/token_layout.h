#pragma once

#include <cstdint>

#include "biplane/nn/libtorch.h"

namespace biplane {

// Which keys may be attended, made once and used in every layer.
struct KeyMask {
  torch::Tensor valid;  // (B,1,1,K) bool; undefined: all keys are valid
  // (B,1,1) bool, false for studies without any valid key; undefined: there are none
  torch::Tensor attendable;
  // From (B,K) bool or undefined. A mask without a false entry is dropped on the CPU (asking would
  // make a GPU wait).
  static KeyMask of(const torch::Tensor& valid);
};

// How the rows of a matrix are the tokens of B studies of T places. Padded: all B*T places are
// rows. Packed: only the valid ones are, R of them, so that linear layers, norms and activations do
// no work for padding; attention spreads them out and gathers them again.
class TokenLayout {
 public:
  // valid (B,T) bool, the tokens that self-attention may read; undefined: all.
  static TokenLayout padded(std::int64_t batch, std::int64_t tokens,
                            const torch::Tensor& valid = {});
  // A mask without a false entry, without a true one, or none at all gives the padded layout.
  static TokenLayout packed(std::int64_t batch, std::int64_t tokens, const torch::Tensor& valid);
  // rows (R) i64: the place of each row in B*T, in any order, each place at most once. Places
  // without a row are tokens too: zeros, which self-attention reads.
  static TokenLayout arranged(std::int64_t batch, std::int64_t tokens, const torch::Tensor& rows);

  std::int64_t batch() const { return batch_; }
  std::int64_t tokens() const { return tokens_; }
  const KeyMask& mask() const { return mask_; }
  // (R) i64, the place of each row in B*T; undefined if every place is a row.
  const torch::Tensor& rows() const { return rows_; }
  bool is_arranged() const { return arranged_; }

  torch::Tensor flatten(const torch::Tensor& x) const;    // (B,T,C) -> (R,C)
  torch::Tensor unflatten(const torch::Tensor& x) const;  // (R,C) -> (B,T,C), 0 where no row is
  // (R,C) -> (B*T,C) for attention: where no row is, some row stands, and nothing may depend on it;
  // zeros if arranged.
  torch::Tensor spread(const torch::Tensor& x) const;
  torch::Tensor gather(const torch::Tensor& x) const;  // (B*T,C) -> (R,C)

 private:
  std::int64_t batch_ = 0, tokens_ = 0;
  torch::Tensor rows_;
  // (B*T) i64, the row of each place, 0 where there is none; undefined if arranged with such places
  torch::Tensor row_at_;
  bool arranged_ = false;
  KeyMask mask_;
};

// Some rows of a layout, moved together: what is asked of a last layer that need not compute all.
struct TokenSubset {
  // wanted (B,T) bool: at least one place, and only places that are rows of `from`.
  static TokenSubset of(const TokenLayout& from, const torch::Tensor& wanted);
  torch::Tensor pick(const torch::Tensor& x) const;  // (R,C) -> (R',C), in the same order

  TokenLayout layout;  // B studies of E places, E = the most wanted tokens of a study; R' rows
  TokenLayout among;   // the R' rows among the R of `from`
};

}  // namespace biplane
