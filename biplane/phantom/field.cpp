#include "biplane/phantom/field.h"

#include <algorithm>
#include <cmath>

#include "biplane/core/random.h"

namespace biplane {
namespace {

// Growth of a random octave's amplitude with its spacing: power falls as k^-(2 + 2 kRoughness).
constexpr double kRoughness = 0.2;

}  // namespace

PathImage smooth(const PathImage& in, int size, double sigma) {
  const int reach = static_cast<int>(std::ceil(3 * sigma));
  std::vector<float> kernel(static_cast<std::size_t>(reach) + 1);
  double sum = 0;
  for (int d = -reach; d <= reach; ++d) sum += std::exp(-0.5 * d * d / (sigma * sigma));
  for (int d = 0; d <= reach; ++d)
    kernel[static_cast<std::size_t>(d)] =
        static_cast<float>(std::exp(-0.5 * d * d / (sigma * sigma)) / sum);
  const std::size_t n = static_cast<std::size_t>(size);
  PathImage image = in;
  std::vector<float> line(n + 2 * static_cast<std::size_t>(reach));
  for (const bool down : {false, true})
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t first = down ? k : k * n, step = down ? n : 1;
      for (int i = -reach; i < size + reach; ++i)
        line[static_cast<std::size_t>(i + reach)] =
            image[first + step * static_cast<std::size_t>(std::clamp(i, 0, size - 1))];
      for (std::size_t i = 0; i < n; ++i) {
        const float* at = line.data() + i + static_cast<std::size_t>(reach);
        float value = kernel[0] * *at;
        for (int d = 1; d <= reach; ++d)
          value += kernel[static_cast<std::size_t>(d)] * (at[-d] + at[d]);
        image[first + step * i] = value;
      }
    }
  return image;
}

PathImage enlarged(const PathImage& small, int cells, int size) {
  const std::size_t n = static_cast<std::size_t>(size), m = static_cast<std::size_t>(cells);
  PathImage large(n * n);
  std::vector<std::size_t> left(n);
  std::vector<float> weight(n);
  const float step = static_cast<float>(cells) / static_cast<float>(size);
  for (std::size_t i = 0; i < n; ++i) {
    const float x = std::clamp((static_cast<float>(i) + 0.5F) * step - 0.5F, 0.0F,
                               static_cast<float>(cells) - 1.001F);
    left[i] = static_cast<std::size_t>(x);
    weight[i] = x - static_cast<float>(left[i]);
  }
  std::vector<float> line(m);
  for (std::size_t r = 0; r < n; ++r) {
    const float* above = small.data() + left[r] * m;
    for (std::size_t c = 0; c < m; ++c) line[c] = above[c] + weight[r] * (above[c + m] - above[c]);
    float* out = large.data() + r * n;
    for (std::size_t c = 0; c < n; ++c)
      out[c] = line[left[c]] + weight[c] * (line[left[c] + 1] - line[left[c]]);
  }
  return large;
}

PathImage texture_field(std::uint64_t key, int size, double field_cm) {
  PathImage total(static_cast<std::size_t>(size) * static_cast<std::size_t>(size), 0.0F);
  std::uint64_t octave = 0;
  for (double spacing = kCoarsestTexture; spacing * size > field_cm; spacing *= 0.5, ++octave) {
    const int cells = static_cast<int>(std::ceil(field_cm / spacing)) + 1;
    CounterRandom random(key, "phantom/texture", {octave});
    PathImage lattice(static_cast<std::size_t>(cells) * static_cast<std::size_t>(cells));
    const float strength = static_cast<float>(std::pow(spacing, kRoughness));
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < lattice.size(); ++i, bits >>= 16) {
      if (i % 4 == 0) bits = random.next_u64();
      lattice[i] = strength * (static_cast<float>(bits & 0xFFFF) * (2.0F / 65536) - 1);
    }
    const PathImage layer = enlarged(lattice, cells, size);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += layer[i];
  }
  return total;
}

}  // namespace biplane
