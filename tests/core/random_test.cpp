#include "biplane/core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace biplane {
namespace {

TEST(CounterRandom, IsAPureFunctionOfItsArguments) {
  CounterRandom a(7, "mask", {3, 17});
  CounterRandom b(7, "mask", {3, 17});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next_u32(), b.next_u32());
}

TEST(CounterRandom, EveryArgumentMatters) {
  std::set<std::uint64_t> firsts;
  for (const std::uint64_t seed : {0, 1, 2}) {
    for (const char* stream : {"a", "b"}) {
      firsts.insert(CounterRandom(seed, stream).next_u64());
      firsts.insert(CounterRandom(seed, stream, {0}).next_u64());
      firsts.insert(CounterRandom(seed, stream, {0, 1}).next_u64());
      firsts.insert(CounterRandom(seed, stream, {1, 0}).next_u64());
    }
  }
  EXPECT_EQ(firsts.size(), 24u);
}

// Guards files and weights that were made with earlier versions: these numbers must never change.
TEST(CounterRandom, GivesTheSameNumbersInEveryVersion) {
  CounterRandom random(42, "phantom", {1});
  const std::uint64_t first = random.next_u64();
  CounterRandom again(42, "phantom", {1});
  EXPECT_EQ(again.next_u64(), first);
  EXPECT_EQ(first, 2633545763180217798u);
}

TEST(CounterRandom, UniformAndNormalHaveTheirMoments) {
  CounterRandom random(1, "moments");
  double sum = 0, square = 0, normal_sum = 0, normal_square = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    square += u * u;
    const double z = random.normal();
    normal_sum += z;
    normal_square += z * z;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(square / kDraws, 1.0 / 3, 0.005);
  EXPECT_NEAR(normal_sum / kDraws, 0, 0.015);
  EXPECT_NEAR(normal_square / kDraws, 1, 0.02);
}

TEST(CounterRandom, BelowIsUniformOverTheRange) {
  CounterRandom random(2, "below");
  std::vector<int> counts(7, 0);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<std::size_t>(random.below(7))];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

TEST(CounterRandom, PermutationHoldsEveryIndexOnce) {
  CounterRandom random(3, "order");
  std::vector<std::int64_t> order = random.permutation(1000);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace biplane
