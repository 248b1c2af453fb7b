#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace biplane {

// NumPy's legacy generator (RandomState): MT19937 and what is drawn from it, number for number.
// Published splits and our bootstrap draw from it, so that others can repeat them.
class LegacyRandom {
 public:
  explicit LegacyRandom(std::uint32_t seed);
  // RandomState([a, b, ...]): init_by_array. Throws Error kUsage for an empty key.
  explicit LegacyRandom(std::span<const std::uint32_t> key);

  std::uint32_t next_u32();
  // randint(0, n): smallest mask 2^m - 1 >= n - 1, one word a try (two, high first, where n - 1 >=
  // 2^32). n >= 1; n = 1 draws nothing.
  std::int64_t below(std::int64_t n);
  // randint(0, n, values.size()): the numbers that as many calls give, faster. 1 <= n <= 2^32.
  void below(std::int64_t n, std::span<std::uint32_t> values);
  double uniform();                         // random_sample(): [0, 1), 53 bits of two words
  double uniform(double low, double high);  // [low, high)
  // normal(0, 1) by the polar method. Numbers come in pairs: the second one is kept for the next
  // call, whatever is drawn in between.
  double normal();

  // shuffle(x), in place.
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1],
                values[static_cast<std::size_t>(below(static_cast<std::int64_t>(i)))]);
    }
  }
  std::vector<std::int64_t> permutation(std::int64_t n);  // permutation(n), n >= 0

  // choice(n, count): numbers below n. Without replacement count <= n. `probabilities`: n numbers
  // >= 0 of the sum 1 (to 1e-8), of which at least `count` are positive where nothing is replaced.
  // Throws Error kUsage for anything else.
  enum class Replace { kNo, kYes };
  std::vector<std::int64_t> choice(std::int64_t n, std::int64_t count, Replace replace);
  std::vector<std::int64_t> choice(std::int64_t count, Replace replace,
                                   std::span<const double> probabilities);

 private:
  static constexpr int kWords = 624;
  void seed(std::uint32_t seed);
  void refill();
  std::vector<std::int64_t> weighted_without_replacement(std::int64_t count,
                                                         std::vector<double> probabilities);

  std::array<std::uint32_t, kWords> state_{},
      words_{};  // words_: what is given out, made of state_
  int used_ = kWords;
  std::optional<double> kept_normal_;
};

}  // namespace biplane
