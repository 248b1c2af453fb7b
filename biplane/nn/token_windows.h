#pragma once

#include <cstdint>

#include "biplane/nn/libtorch.h"
#include "biplane/nn/token_layout.h"
#include "biplane/nn/transformer.h"

namespace biplane {

// Tokens of B images, row by row.
struct TokenGrid {
  std::int64_t batch = 0, rows = 0, columns = 0;
};

// Square windows over a token grid, each a "study" of the layout, whose rows are the grid's tokens
// (Liu et al., "Swin Transformer", 2021). The grid is filled up with zeros at the right and the
// bottom to a multiple of the side; these are tokens that the others read.
struct TokenWindows {
  TokenLayout layout;
  WindowPairs pairs;

  // shift: the windows start that many tokens further down and right, and those at the far end hold
  // what is left at both; tokens of two ends do not attend each other (-100). `like` gives dtype
  // and device of the scores.
  static TokenWindows of(const TokenGrid& grid, std::int64_t side, std::int64_t shift,
                         const torch::Tensor& like);
};

}  // namespace biplane
