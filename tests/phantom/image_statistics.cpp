#include "tests/phantom/image_statistics.h"

#include <algorithm>
#include <cmath>

namespace biplane::testing {

GreyShares grey_shares(const GreyImage& image) {
  GreyShares shares{};
  for (const std::uint8_t pixel : image.pixels)
    shares[pixel] += 1.0 / static_cast<double>(image.pixels.size());
  for (std::size_t i = 1; i < shares.size(); ++i) shares[i] += shares[i - 1];
  return shares;
}

double earth_mover(const GreyShares& a, const GreyShares& b) {
  double distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) distance += std::abs(a[i] - b[i]);
  return distance;
}

double spectrum_exponent(const GreyImage& image) {
  std::size_t n = static_cast<std::size_t>(image.cols);
  std::vector<double> level(image.pixels.begin(), image.pixels.end());
  std::array<double, kOctaves> bands{};
  for (double& band : bands) {
    const std::size_t half = n / 2;
    std::vector<double> coarse(half * half);
    double sum = 0;
    for (std::size_t r = 0; r < half; ++r)
      for (std::size_t c = 0; c < half; ++c) {
        const std::size_t top = 2 * r * n + 2 * c, low = top + n;
        const double four[] = {level[top], level[top + 1], level[low], level[low + 1]};
        const double mean = (four[0] + four[1] + four[2] + four[3]) / 4;
        for (const double value : four) sum += (value - mean) * (value - mean);
        coarse[r * half + c] = mean;
      }
    band = std::log2(sum / static_cast<double>(4 * half * half) + 1e-9);
    level = std::move(coarse);
    n = half;
  }
  double covariance = 0, variance = 0;
  for (int i = 0; i < kOctaves; ++i) {
    const double x = i - 0.5 * (kOctaves - 1);
    covariance += x * bands[static_cast<std::size_t>(i)];
    variance += x * x;
  }
  return 2 + covariance / variance;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

}  // namespace biplane::testing
