#include "biplane/imaging/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>
#include <vector>

#include "biplane/imaging/preprocess.h"

namespace biplane {
namespace {

constexpr int kLargest = 128;
constexpr int kSide = Fingerprint::kSide;

// Row k: the k-th cosine of the transform of n samples, so scaled that a sum is independent of n.
std::vector<double> make_cosines(int n) {
  std::vector<double> cosines;
  for (int k = 0; k < kSide; ++k) {
    for (int x = 0; x < n; ++x)
      cosines.push_back((k == 0 ? 1.0 : std::numbers::sqrt2) / n *
                        std::cos(std::numbers::pi * (x + 0.5) * k / n));
  }
  return cosines;
}

// The lowest kSide x kSide frequencies, in grey levels: the sum of squares is the mean square.
std::array<double, Fingerprint::kSize> low_frequencies(const GreyImage& image) {
  const std::vector<double> down = make_cosines(image.rows), across = make_cosines(image.cols);
  std::array<double, Fingerprint::kSize> frequencies{};
  for (int y = 0; y < image.rows; ++y) {
    const std::uint8_t* pixels = image.pixels.data() + std::ptrdiff_t{y} * image.cols;
    for (int u = 0; u < kSide; ++u) {
      const double* cosine = across.data() + std::ptrdiff_t{u} * image.cols;
      const double row = std::inner_product(pixels, pixels + image.cols, cosine, 0.0);
      for (int v = 0; v < kSide; ++v)
        frequencies[static_cast<std::size_t>(v * kSide + u)] +=
            row * down[static_cast<std::size_t>(v * image.rows + y)];
    }
  }
  return frequencies;
}

}  // namespace

std::optional<Fingerprint> fingerprint(const GreyImage& image) {
  constexpr double kFlat = 0.25;  // grey levels; below are only the traces of coding
  const int rows = std::min(image.rows, kLargest), cols = std::min(image.cols, kLargest);
  const bool small = rows == image.rows && cols == image.cols;
  const GreyImage shrunk = small ? image : resize_area(image, rows, cols);
  std::array<double, Fingerprint::kSize> weighted = low_frequencies(shrunk);
  double energy = 0, length = 0;
  for (int v = 0; v < kSide; ++v) {
    for (int u = 0; u < kSide; ++u) {
      double& value = weighted[static_cast<std::size_t>(v * kSide + u)];
      if (u + v > 0) energy += value * value;
      value *= std::sqrt(u * u + v * v);
      length += value * value;
    }
  }
  if (energy < kFlat * kFlat) return std::nullopt;
  Fingerprint print;
  for (std::size_t i = 0; i < weighted.size(); ++i) {
    print.values[i] = static_cast<std::int16_t>(
        std::lround(weighted[i] / std::sqrt(length) * Fingerprint::kScale));
  }
  return print;
}

double resemblance(const Fingerprint& a, const Fingerprint& b) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += std::int32_t{a.values[i]} * b.values[i];
  return static_cast<double>(sum) / (Fingerprint::kScale * Fingerprint::kScale);
}

}  // namespace biplane
