#include "biplane/core/legacy_random.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"

namespace biplane {
namespace {

using Replace = LegacyRandom::Replace;

TEST(LegacyRandom, IsMt19937) {
  LegacyRandom random(5489);
  std::uint32_t word = 0;
  for (int i = 0; i < 10000; ++i) word = random.next_u32();
  EXPECT_EQ(word, 4123659995U);  // the 10,000th word that the C++ standard gives for std::mt19937
}

TEST(LegacyRandom, ManyNumbersAtOnceAreThoseOfAsManyCalls) {
  for (const std::int64_t n : {1LL, 2LL, 10'000LL, 1LL << 31, 1LL << 32}) {
    LegacyRandom one(7), many(7);
    std::vector<std::uint32_t> values(2000);
    many.below(n, values);
    for (const std::uint32_t value : values) ASSERT_EQ(value, one.below(n)) << n;
    EXPECT_EQ(many.next_u32(), one.next_u32()) << n;  // as many words were taken
  }
  std::vector<std::uint32_t> values(1);
  EXPECT_THROW(LegacyRandom(0).below((1LL << 32) + 1, values), Error);
  EXPECT_THROW(LegacyRandom(0).below(0, values), Error);
}

TEST(LegacyRandom, RefusesWhatNumpyRefuses) {
  LegacyRandom random(0);
  const std::vector<double> half{0.5, 0.5, 0}, negative{1.5, -0.5}, short_sum{0.5, 0.4};
  EXPECT_THROW(LegacyRandom(std::span<const std::uint32_t>()), Error);
  EXPECT_THROW(random.below(0), Error);
  EXPECT_THROW(random.permutation(-1), Error);
  EXPECT_THROW(random.choice(3, 4, Replace::kNo), Error);
  EXPECT_THROW(random.choice(3, -1, Replace::kYes), Error);
  EXPECT_THROW(random.choice(3, Replace::kNo, half), Error);  // two positive ones
  EXPECT_THROW(random.choice(1, Replace::kYes, negative), Error);
  EXPECT_THROW(random.choice(1, Replace::kYes, short_sum), Error);
  EXPECT_THROW(random.choice(1, Replace::kYes, std::vector<double>()), Error);
}

TEST(LegacyRandom, WithoutReplacementNothingComesTwiceAndNothingOfProbabilityZero) {
  LegacyRandom random(3);
  const std::vector<double> skewed{0.9, 0.05, 0, 0.05};
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(random.choice(3, Replace::kNo, skewed), ::testing::UnorderedElementsAre(0, 1, 3));
  }
}

}  // namespace
}  // namespace biplane
