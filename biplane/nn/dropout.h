#pragma once

#include <cstdint>

#include "biplane/nn/libtorch.h"

namespace biplane {

// Dropout whose masks are a pure function of (seed, step, pass, study, layer): a study gets the
// same mask in any batch, on any rank, replica or device (method section 6).
struct KeyedDropout {
  double rate = 0.0;  // probability of zeroing an element, [0, 1)
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  std::int64_t pass =
      0;  // tells several forward passes of one step apart (masked copy, whole report)
  torch::Tensor study_index;  // (B) i64

  // x (B, ...) with elements zeroed and the rest scaled by 1 / (1 - rate); `layer` numbers the
  // place in the network.
  torch::Tensor apply(const torch::Tensor& x, std::int64_t layer) const;
};

}  // namespace biplane
