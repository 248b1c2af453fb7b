#include "biplane/core/legacy_random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr int kShift = 397;
constexpr std::uint32_t kUpper = 0x80000000U, kLower = 0x7fffffffU, kTwist = 0x9908b0dfU;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::kUsage, "LegacyRandom: " + what);
}

void check_count(std::int64_t count, std::int64_t most) {
  if (count >= 0 && count <= most) return;
  refuse("a choice of " + std::to_string(count) + " out of " + std::to_string(most));
}

void check_probabilities(std::span<const double> probabilities) {
  double sum = 0;
  for (const double p : probabilities) {
    if (!(p >= 0)) refuse("a probability of " + std::to_string(p));
    sum += p;
  }
  if (!(std::abs(sum - 1) <= 1e-8)) refuse("probabilities of the sum " + std::to_string(sum));
}

// Running sums, in order, divided by the last one.
std::vector<double> cumulative(std::span<const double> probabilities) {
  std::vector<double> sums(probabilities.size());
  std::partial_sum(probabilities.begin(), probabilities.end(), sums.begin());
  const double total = sums.back();
  for (double& sum : sums) sum /= total;
  return sums;
}

std::int64_t place_of(double value, const std::vector<double>& sums) {
  return std::upper_bound(sums.begin(), sums.end(), value) - sums.begin();
}

// The smallest 2^m - 1 that is at least n - 1.
std::uint64_t mask_below(std::int64_t n) {
  if (n < 1) refuse("a number below " + std::to_string(n));
  std::uint64_t mask = static_cast<std::uint64_t>(n) - 1;
  for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  return mask;
}

}  // namespace

LegacyRandom::LegacyRandom(std::uint32_t seed) { this->seed(seed); }

LegacyRandom::LegacyRandom(std::span<const std::uint32_t> key) {
  if (key.empty()) refuse("an empty key");
  seed(19650218U);
  const auto mixed = [this](int i, std::uint32_t factor) {
    const std::uint32_t previous = state_[i - 1];
    return state_[i] ^ ((previous ^ (previous >> 30)) * factor);
  };
  int i = 1;
  const auto advance = [this, &i] {
    if (++i < kWords) return;
    state_[0] = state_[kWords - 1];
    i = 1;
  };
  for (std::size_t k = 0; k < std::max<std::size_t>(kWords, key.size()); ++k, advance()) {
    const std::size_t j = k % key.size();
    state_[i] = mixed(i, 1664525U) + key[j] + static_cast<std::uint32_t>(j);
  }
  for (int k = 1; k < kWords; ++k, advance()) {
    state_[i] = mixed(i, 1566083941U) - static_cast<std::uint32_t>(i);
  }
  state_[0] = kUpper;
}

void LegacyRandom::seed(std::uint32_t seed) {
  state_[0] = seed;
  for (int i = 1; i < kWords; ++i) {
    const std::uint32_t previous = state_[i - 1];
    state_[i] = 1812433253U * (previous ^ (previous >> 30)) + static_cast<std::uint32_t>(i);
  }
}

void LegacyRandom::refill() {
  const auto renew = [this](int i, int next, int shifted) {
    const std::uint32_t mixed = (state_[i] & kUpper) | (state_[next] & kLower);
    state_[i] = state_[shifted] ^ (mixed >> 1) ^ ((0U - (mixed & 1U)) & kTwist);
  };
  // In pieces without a remainder of the index, which compilers vectorise.
  for (int i = 0; i < kWords - kShift; ++i) renew(i, i + 1, i + kShift);
  for (int i = kWords - kShift; i < kWords - 1; ++i) renew(i, i + 1, i + kShift - kWords);
  renew(kWords - 1, 0, kShift - 1);
  for (int i = 0; i < kWords; ++i) {
    std::uint32_t word = state_[i];
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680U;
    word ^= (word << 15) & 0xefc60000U;
    words_[i] = word ^ (word >> 18);
  }
  used_ = 0;
}

std::uint32_t LegacyRandom::next_u32() {
  if (used_ == kWords) refill();
  return words_[used_++];
}

std::int64_t LegacyRandom::below(std::int64_t n) {
  const std::uint64_t mask = mask_below(n), highest = static_cast<std::uint64_t>(n) - 1;
  if (highest == 0) return 0;
  const bool two_words = highest > 0xffffffffU;
  for (;;) {
    std::uint64_t word = next_u32();
    if (two_words) word = (word << 32) | next_u32();
    if ((word & mask) <= highest) return static_cast<std::int64_t>(word & mask);
  }
}

void LegacyRandom::below(std::int64_t n, std::span<std::uint32_t> values) {
  const std::uint64_t mask = mask_below(n);
  if (mask > 0xffffffffU) refuse("32-bit numbers below " + std::to_string(n));
  const auto highest = static_cast<std::uint32_t>(n - 1);
  if (highest == 0) {
    std::ranges::fill(values, 0U);
    return;
  }
  // A word that does not count is written over by the next: no branch that is often foretold wrong.
  for (std::size_t filled = 0; filled < values.size();) {
    if (used_ == kWords) refill();
    int used = used_;
    while (used < kWords && filled < values.size()) {
      const std::uint32_t number = words_[used++] & static_cast<std::uint32_t>(mask);
      values[filled] = number;
      filled += number <= highest ? 1U : 0U;
    }
    used_ = used;
  }
}

double LegacyRandom::uniform() {
  const std::uint32_t high = next_u32() >> 5, low = next_u32() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

double LegacyRandom::uniform(double low, double high) { return low + (high - low) * uniform(); }

double LegacyRandom::normal() {
  if (kept_normal_) return *std::exchange(kept_normal_, std::nullopt);
  for (;;) {
    const double first = 2.0 * uniform() - 1.0;
    const double second = 2.0 * uniform() - 1.0;
    const double square = first * first + second * second;
    if (square >= 1.0 || square == 0.0) continue;
    const double factor = std::sqrt(-2.0 * std::log(square) / square);
    kept_normal_ = factor * first;
    return factor * second;
  }
}

std::vector<std::int64_t> LegacyRandom::permutation(std::int64_t n) {
  if (n < 0) refuse("a permutation of " + std::to_string(n));
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  shuffle(order);
  return order;
}

std::vector<std::int64_t> LegacyRandom::choice(std::int64_t n, std::int64_t count,
                                               Replace replace) {
  if (replace == Replace::kNo) {
    check_count(count, n);
    std::vector<std::int64_t> chosen = permutation(n);
    chosen.resize(static_cast<std::size_t>(count));
    return chosen;
  }
  if (count < 0) refuse("a choice of " + std::to_string(count));
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(count));
  for (std::int64_t& number : chosen) number = below(n);
  return chosen;
}

std::vector<std::int64_t> LegacyRandom::choice(std::int64_t count, Replace replace,
                                               std::span<const double> probabilities) {
  check_probabilities(probabilities);
  if (replace == Replace::kNo) {
    const auto positive = [](double p) { return p > 0; };
    check_count(count, std::count_if(probabilities.begin(), probabilities.end(), positive));
    return weighted_without_replacement(count, {probabilities.begin(), probabilities.end()});
  }
  if (count < 0) refuse("a choice of " + std::to_string(count));
  const std::vector<double> sums = cumulative(probabilities);
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(count));
  for (std::int64_t& number : chosen) number = place_of(uniform(), sums);
  return chosen;
}

// Draws as many numbers as are still wanted, keeps those that are new, and draws again with the
// probabilities of the ones taken set to 0.
std::vector<std::int64_t> LegacyRandom::weighted_without_replacement(
    std::int64_t count, std::vector<double> probabilities) {
  const auto wanted = static_cast<std::size_t>(count);
  std::vector<std::int64_t> chosen;
  while (chosen.size() < wanted) {
    for (const std::int64_t taken : chosen) probabilities[static_cast<std::size_t>(taken)] = 0;
    const std::vector<double> sums = cumulative(probabilities);
    std::vector<bool> taken(probabilities.size());
    for (std::size_t tries = wanted - chosen.size(); tries > 0; --tries) {
      const std::int64_t number = place_of(uniform(), sums);
      if (taken[static_cast<std::size_t>(number)]) continue;
      taken[static_cast<std::size_t>(number)] = true;
      chosen.push_back(number);
    }
  }
  return chosen;
}

}  // namespace biplane
