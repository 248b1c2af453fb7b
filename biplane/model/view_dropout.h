#pragma once

#include <cstdint>

#include "biplane/model/batch.h"
#include "biplane/model/config.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Which views of a study count in the fused feature: those it has and that are not hidden. Only
// studies with both views lose one, the lateral with probability config.lateral or the frontal with
// config.frontal; a pure function of (seed, step, study).
struct ShownViews {
  torch::Tensor frontal, lateral;  // (B) bool
};
ShownViews drop_views(const StudyBatch& batch, const ViewDropoutConfig& config, std::uint64_t seed,
                      std::int64_t step);

}  // namespace biplane
