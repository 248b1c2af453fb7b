#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace biplane {

// Stable 64-bit hash (FNV-1a, finished with splitmix64); the same on every machine and version.
std::uint64_t stable_hash(std::string_view text);

// Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011). A generator is a pure
// function of (seed, stream, ids), never of shared state: the masks of study 17 in epoch 3 are
// CounterRandom(seed, "mask", {3, 17}) on any thread of any worker.
class CounterRandom {
 public:
  CounterRandom(std::uint64_t seed, std::string_view stream,
                std::initializer_list<std::uint64_t> ids = {});

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  double uniform();                         // [0, 1), 53 bits
  double uniform(double low, double high);  // [low, high)
  std::int64_t below(std::int64_t n);       // 0 .. n-1 without modulo bias; n >= 1
  double normal();                          // standard normal (Box-Muller)
  bool bernoulli(double probability);
  std::vector<std::int64_t> permutation(std::int64_t n);  // of 0 .. n-1 (Fisher-Yates)

 private:
  void refill();

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace biplane
