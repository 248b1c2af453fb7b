#include "biplane/train/schedule.h"

#include <cmath>
#include <numbers>

namespace biplane {

std::int64_t warmup_steps(std::int64_t total_steps, double warmup_fraction) {
  // The small term keeps 0.1 * 30 at 3 although the product is just below it in binary.
  return static_cast<std::int64_t>(
      std::floor(warmup_fraction * static_cast<double>(total_steps) + 1e-9));
}

double schedule_factor(std::int64_t step, std::int64_t total_steps, double warmup_fraction,
                       double constant_fraction) {
  if (step >= total_steps) return 0.0;
  const std::int64_t warmup = warmup_steps(total_steps, warmup_fraction);
  const auto s = static_cast<double>(step);
  const auto w = static_cast<double>(warmup);
  if (step < warmup) return 0.1 + 0.9 * s / w;
  const auto total = static_cast<double>(total_steps);
  const double fall = w + constant_fraction * (total - w);  // where the cosine begins
  if (s < fall) return 1.0;
  return (1.0 + std::cos(std::numbers::pi * (s - fall) / (total - fall))) / 2.0;
}

}  // namespace biplane
