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

// Squares below are not used, so that d' hardly depends on the size of the image. cm at the
// detector.
constexpr double kSmallestSquare = 0.55;

}  // namespace

double anatomical_deviation(bool lateral, double side_cm) {
  return lateral ? 0.0190 * std::pow(side_cm, 0.36) : 0.0213 * std::pow(side_cm, 0.40);
}

double detectability(const PathImage& change, const PathImage& noise, const Camera& camera,
                     bool lateral) {
  const std::size_t n = static_cast<std::size_t>(camera.size);
  Square signal = padded(change, n, false), variance = padded(noise, n, true);
  double block = 1, sum = 0;               // side of the squares in pixels
  constexpr double kRounding = 0.3 / 255;  // standard deviation of 8-bit rounding
  while (signal.side > 1) {
    const std::size_t half = signal.side / 2;
    block *= 2;
    const bool resolved = block * camera.field / camera.size >= kSmallestSquare;
    const double anatomy =
        anatomical_deviation(lateral, block * camera.field / camera.size) * block;
    Square coarse{half, std::vector<double>(half * half)}, coarse_variance = coarse;
    for (std::size_t r = 0; r < half; ++r)
      for (std::size_t c = 0; c < half; ++c) {
        const std::size_t top = 2 * r * signal.side + 2 * c, low = top + signal.side;
        const double a = signal.values[top], b = signal.values[top + 1], d = signal.values[low],
                     e = signal.values[low + 1];
        const double across = 0.5 * (a - b + d - e), along = 0.5 * (a + b - d - e),
                     slant = 0.5 * (a - b - d + e);
        const double mean = 0.25 * (variance.values[top] + variance.values[top + 1] +
                                    variance.values[low] + variance.values[low + 1]);
        const double total = mean + kRounding * kRounding + anatomy * anatomy;
        if (resolved) sum += (across * across + along * along + slant * slant) / total;
        coarse.values[r * half + c] = 0.5 * (a + b + d + e);
        coarse_variance.values[r * half + c] = mean;
      }
    signal = std::move(coarse);
    variance = std::move(coarse_variance);
  }
  return std::sqrt(sum);
}

ShownView show_view(const Radiograph& shot, const Camera& camera) {
  const std::size_t size = static_cast<std::size_t>(camera.size);
  ShownView view;
  view.value.assign(size * size, 0.0F);
  view.deviation.assign(size * size, 0.0F);
  const std::size_t begin = static_cast<std::size_t>(shot.opening.left),
                    end = static_cast<std::size_t>(shot.opening.right);
  for (std::size_t r = static_cast<std::size_t>(shot.opening.top);
       r < static_cast<std::size_t>(shot.opening.bottom); ++r) {
    const float* attenuation = shot.attenuation.data() + r * size;
    const ShownLine line(shot, r * size);
    float* value = view.value.data() + r * size;
    float* deviation = view.deviation.data() + r * size;
    for (std::size_t c = begin; c < end; ++c) {
      const ShownValue shown = line.show(attenuation[c], c);
      value[c] = shown.value;
      deviation[c] = shown.deviation;
    }
  }
  return view;
}

FindingTrace trace_finding(const PathImage& change, const ShownView& view, const Radiograph& shot,
                           const Camera& camera, bool lateral) {
  FindingTrace trace;
  PathImage changed(change.size(), 0.0F), noise = view.deviation;
  trace.mask.assign(change.size(), 0);
  const ShownLine all(shot, 0);
  const std::size_t size = static_cast<std::size_t>(camera.size);
  for (int r = shot.opening.top; r < shot.opening.bottom; ++r)
    for (int c = shot.opening.left; c < shot.opening.right; ++c) {
      const std::size_t i = static_cast<std::size_t>(r) * size + static_cast<std::size_t>(c);
      if (change[i] == 0) continue;
      const ShownValue without = all.show(shot.attenuation[i] - change[i], i);
      changed[i] = view.value[i] - without.value;
      noise[i] = std::max(noise[i], without.deviation);
      trace.mask[i] = std::abs(changed[i]) > kMaskThreshold ? 1 : 0;
      trace.area += trace.mask[i];
    }
  trace.detectability = detectability(changed, noise, camera, lateral);
  return trace;
}

}  // namespace biplane
