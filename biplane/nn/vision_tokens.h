#pragma once

#include <cstdint>

#include "biplane/nn/libtorch.h"

namespace biplane {

// What an image tower gives, whatever its family.
struct VisionTokens {
  torch::Tensor tokens;          // (B, first_patch + N, W), N = grid_rows * grid_columns
  torch::Tensor pooled;          // (B, W), the tower's global feature
  torch::Tensor last_block;      // as `tokens`: what the last block gives, before the final norm
  std::int64_t first_patch = 0;  // tokens before the patches: class token, registers
  std::int64_t grid_rows = 0, grid_columns = 0;

  torch::Tensor patches() const {
    return tokens.narrow(1, first_patch, tokens.size(1) - first_patch);
  }  // (B, N, W), row by row
  torch::Tensor mean_patch() const {
    return last_block.slice(1, first_patch).mean(1);
  }  // (B, W), before the final norm
};

}  // namespace biplane
