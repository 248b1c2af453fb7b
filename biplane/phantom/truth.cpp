#include "biplane/phantom/truth.h"

#include <algorithm>
#include <cmath>

namespace biplane {
namespace {

// Square image of doubles whose side is a power of two.
struct Square {
  std::size_t side = 0;
  std::vector<double> values;
};

std::size_t power_of_two(std::size_t n) {
  std::size_t side = 1;
  while (side < n) side *= 2;
  return side;
}

Square padded(const PathImage& image, std::size_t n, bool squared) {
  Square square;
  square.side = power_of_two(n);
  square.values.assign(square.side * square.side, 0.0);
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t c = 0; c < n; ++c) {
      const double value = static_cast<double>(image[r * n + c]);
      square.values[r * square.side + c] = squared ? value * value : value;
    }
  return square;
}

}  // namespace

double anatomical_deviation(bool lateral, double side_cm) {
  return lateral ? 0.0102 * std::pow(side_cm, 0.35) : 0.0150 * std::pow(side_cm, 0.42);
}

double detectability(const PathImage& change, const PathImage& noise, const Camera& camera, bool lateral) {
  const std::size_t n = static_cast<std::size_t>(camera.size);
  Square signal = padded(change, n, false), variance = padded(noise, n, true);
  double block = 1, sum = 0;  // side of the squares in pixels
  constexpr double kRounding = 0.3 / 255;  // standard deviation of 8-bit rounding
  while (signal.side > 1) {
    const std::size_t half = signal.side / 2;
    block *= 2;
    const double anatomy = anatomical_deviation(lateral, block * camera.field / camera.size) * block;
    Square coarse{half, std::vector<double>(half * half)}, coarse_variance = coarse;
    for (std::size_t r = 0; r < half; ++r)
      for (std::size_t c = 0; c < half; ++c) {
        const std::size_t top = 2 * r * signal.side + 2 * c, low = top + signal.side;
        const double a = signal.values[top], b = signal.values[top + 1], d = signal.values[low], e = signal.values[low + 1];
        const double across = 0.5 * (a - b + d - e), along = 0.5 * (a + b - d - e), slant = 0.5 * (a - b - d + e);
        const double mean = 0.25 * (variance.values[top] + variance.values[top + 1] + variance.values[low] + variance.values[low + 1]);
        const double total = mean + kRounding * kRounding + anatomy * anatomy;
        sum += (across * across + along * along + slant * slant) / total;
        coarse.values[r * half + c] = 0.5 * (a + b + d + e);
        coarse_variance.values[r * half + c] = mean;
      }
    signal = std::move(coarse);
    variance = std::move(coarse_variance);
  }
  return std::sqrt(sum);
}

FindingTrace trace_finding(const PathImage& change, const Radiograph& shot, const Camera& camera, bool lateral) {
  FindingTrace trace;
  PathImage shown(change.size());
  trace.mask.resize(change.size());
  for (std::size_t i = 0; i < change.size(); ++i) {
    shown[i] = change[i] * shot.gain[i];
    trace.mask[i] = std::abs(shown[i]) > kMaskThreshold ? 1 : 0;
    trace.area += trace.mask[i];
  }
  trace.detectability = detectability(shown, shot.noise, camera, lateral);
  return trace;
}

}  // namespace biplane
