#include "biplane/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace biplane {
namespace {

constexpr double kWarmupFrom = 0.1;  // of pre-training

double warm_up(double step, double steps, double from) {
  return from + (1.0 - from) * step / steps;
}

double half_cosine(double done, double steps) {
  return (1.0 + std::cos(std::numbers::pi * done / steps)) / 2.0;
}

}  // namespace

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
  if (step < warmup) return warm_up(s, w, kWarmupFrom);
  const auto total = static_cast<double>(total_steps);
  const double fall = w + constant_fraction * (total - w);  // where the cosine begins
  if (s < fall) return 1.0;
  return half_cosine(s - fall, total - fall);
}

double fit_factor(const FitSchedule& schedule, std::int64_t step) {
  const auto warmup = static_cast<double>(std::min(schedule.warmup, schedule.steps));
  const auto done = static_cast<double>(step) - warmup;
  if (done < 0) return warm_up(static_cast<double>(step), warmup, schedule.warmup_from);
  if (schedule.shape == "constant") return 1.0;
  const double fall = std::max(static_cast<double>(schedule.steps) - warmup, 1.0);
  if (schedule.shape == "cosine") return half_cosine(done, fall);
  return std::max(fall - done, 0.0) / fall;
}

}  // namespace biplane
