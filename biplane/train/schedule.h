#pragma once

#include <cstdint>

namespace biplane {

// Learning rate schedule (method section 6): linear warm-up over W = floor(warmup_fraction N +
// 1e-9) steps, then half a cosine to zero. Free of LibTorch.

// W for a run of `total_steps` steps.
std::int64_t warmup_steps(std::int64_t total_steps, double warmup_fraction);

// Factor on the base learning rate for update `step` (0 .. total_steps - 1); 0 at total_steps and
// beyond.
double schedule_factor(std::int64_t step, std::int64_t total_steps, double warmup_fraction = 0.1);

}  // namespace biplane
