#pragma once

#include <array>
#include <cstdint>

namespace biplane {

// NumPy's legacy generator (RandomState): MT19937 and bounded integers by masked rejection.
// Published splits and our bootstrap draw from it, so that others can repeat them.
class LegacyRandom {
 public:
  explicit LegacyRandom(std::uint32_t seed);

  std::uint32_t next_u32();
  // RandomState.randint(0, n): smallest mask 2^m - 1 >= n - 1, one word a try (two, high first,
  // where n - 1 >= 2^32). n >= 1; n = 1 draws nothing.
  std::int64_t below(std::int64_t n);

 private:
  static constexpr int kWords = 624;
  void refill();

  std::array<std::uint32_t, kWords> state_{};
  int used_ = kWords;
};

}  // namespace biplane
