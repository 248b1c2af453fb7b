#include "biplane/core/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace biplane {
namespace {

std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// Ten rounds of Philox 4x32 with the published multipliers and Weyl constants.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ULL * counter[0];
    const std::uint64_t b = 0xCD9E8D57ULL * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

}  // namespace

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3ULL;
  }
  return splitmix64(hash);
}

CounterRandom::CounterRandom(std::uint64_t seed, std::string_view stream,
                             std::initializer_list<std::uint64_t> ids) {
  std::uint64_t key = splitmix64(seed ^ stable_hash(stream));
  std::uint64_t position = 0x243F6A8885A308D3ULL;
  for (const std::uint64_t id : ids) {
    position = splitmix64(position ^ splitmix64(id));
    key = splitmix64(key + position);
  }
  key_ = {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
  counter_ = {0, 0, static_cast<std::uint32_t>(position),
              static_cast<std::uint32_t>(position >> 32)};
}

void CounterRandom::refill() {
  block_ = philox(counter_, key_);
  if (++counter_[0] == 0) ++counter_[1];
  used_ = 0;
}

std::uint32_t CounterRandom::next_u32() {
  if (used_ == 4) refill();
  return block_[static_cast<std::size_t>(used_++)];
}

std::uint64_t CounterRandom::next_u64() {
  const std::uint64_t low = next_u32();
  return low | (static_cast<std::uint64_t>(next_u32()) << 32);
}

double CounterRandom::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

double CounterRandom::uniform(double low, double high) { return low + (high - low) * uniform(); }

std::int64_t CounterRandom::below(std::int64_t n) {
  const auto range = static_cast<std::uint64_t>(n);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % range;  // rejects the uneven rest
  std::uint64_t draw = next_u64();
  while (draw >= limit) draw = next_u64();
  return static_cast<std::int64_t>(draw % range);
}

double CounterRandom::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

bool CounterRandom::bernoulli(double probability) { return uniform() < probability; }

std::vector<std::int64_t> CounterRandom::permutation(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::int64_t i = n - 1; i > 0; --i) {
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(below(i + 1))]);
  }
  return order;
}

}  // namespace biplane
