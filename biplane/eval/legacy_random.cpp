#include "biplane/eval/legacy_random.h"

#include <string>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr int kShift = 397;
constexpr std::uint32_t kUpper = 0x80000000U, kLower = 0x7fffffffU, kTwist = 0x9908b0dfU;

}  // namespace

LegacyRandom::LegacyRandom(std::uint32_t seed) {
  state_[0] = seed;
  for (int i = 1; i < kWords; ++i) {
    const std::uint32_t previous = state_[i - 1];
    state_[i] = 1812433253U * (previous ^ (previous >> 30)) + static_cast<std::uint32_t>(i);
  }
}

void LegacyRandom::refill() {
  for (int i = 0; i < kWords; ++i) {
    const std::uint32_t mixed = (state_[i] & kUpper) | (state_[(i + 1) % kWords] & kLower);
    state_[i] = state_[(i + kShift) % kWords] ^ (mixed >> 1) ^ ((mixed & 1U) != 0 ? kTwist : 0U);
  }
  used_ = 0;
}

std::uint32_t LegacyRandom::next_u32() {
  if (used_ == kWords) refill();
  std::uint32_t word = state_[used_++];
  word ^= word >> 11;
  word ^= (word << 7) & 0x9d2c5680U;
  word ^= (word << 15) & 0xefc60000U;
  return word ^ (word >> 18);
}

std::int64_t LegacyRandom::below(std::int64_t n) {
  if (n < 1) throw Error(ErrorKind::kUsage, "LegacyRandom: a number below " + std::to_string(n));
  const std::uint64_t highest = static_cast<std::uint64_t>(n) - 1;
  if (highest == 0) return 0;
  std::uint64_t mask = highest;
  for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  const bool two_words = highest > 0xffffffffU;
  for (;;) {
    std::uint64_t word = next_u32();
    if (two_words) word = (word << 32) | next_u32();
    if ((word & mask) <= highest) return static_cast<std::int64_t>(word & mask);
  }
}

}  // namespace biplane
