#pragma once

#include <cstdint>
#include <string>

namespace biplane {

// Learning rate schedule (method section 6): linear warm-up over W = floor(warmup_fraction N +
// 1e-9) steps, then half a cosine to zero. Free of LibTorch. Between the two the full rate may be
// kept for a while: a short run learns its last findings while the rate is high.

// W for a run of `total_steps` steps.
std::int64_t warmup_steps(std::int64_t total_steps, double warmup_fraction);

// Factor on the base learning rate for update `step` (0 .. total_steps - 1); 0 at total_steps and
// beyond. `constant_fraction` [0, 1): of the steps after the warm-up, at the full rate.
double schedule_factor(std::int64_t step, std::int64_t total_steps, double warmup_fraction = 0.1,
                       double constant_fraction = 0.0);

// The schedule of a downstream training.
struct FitSchedule {
  std::string shape = "constant";  // after the warm-up: constant; linear, cosine: to 0 at `steps`
  std::int64_t steps = 0;          // of warm-up and fall together
  std::int64_t warmup = 0;         // steps, cut to `steps`
  double warmup_from = 0.1;        // factor of the first of them; it rises in a line to 1
};

// Factor on the base learning rate for update `step`, from 0. Behind `steps` a line stays at 0 and
// a cosine rises again, as that of published programs does which stop by selection.
double fit_factor(const FitSchedule& schedule, std::int64_t step);

}  // namespace biplane
