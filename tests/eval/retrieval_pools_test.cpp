#include "biplane/eval/retrieval_pools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace biplane {
namespace {

using ::testing::UnorderedElementsAre;

std::vector<ReportKind> alike(int studies, std::int64_t findings, std::int64_t words) {
  return std::vector<ReportKind>(static_cast<std::size_t>(studies), {findings, words});
}

std::vector<ReportKind> operator+(std::vector<ReportKind> a, const std::vector<ReportKind>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(RetrievalPools, AreDisjointAndTheSameAtEveryCall) {
  const RetrievalPools pools = draw_pools(24, 10);
  EXPECT_EQ(pools.size, 10);
  EXPECT_EQ(pools.count(), 2);
  EXPECT_EQ(pools.left_out, 4);
  EXPECT_EQ(std::set<std::int64_t>(pools.places.begin(), pools.places.end()).size(), 20U);
  EXPECT_EQ(pools.places, draw_pools(24, 10).places);
  EXPECT_EQ(pools.pool(1)[0], pools.places[10]);
  EXPECT_EQ(draw_pools(7, 10).size, 7);
  EXPECT_EQ(draw_pools(1, 10).count(), 0);
}

TEST(HardPools, HoldAsManyFindingsAndALengthWithinTenPerCent) {
  // By findings and words: 0 and 1 are within 10 %, 2 is not, 3 has more findings, 4 is not known.
  const std::vector<ReportKind> kinds{{1, 10}, {1, 11}, {1, 12}, {2, 12}, {{}, 12}};
  const RetrievalPools pools = draw_hard_pools(kinds, 2);
  EXPECT_EQ(pools.size, 2);
  EXPECT_THAT(pools.places, UnorderedElementsAre(0, 1));
  EXPECT_EQ(pools.left_out, 3);
  EXPECT_EQ(draw_hard_pools(std::vector<ReportKind>{{1, 10}, {1, 12}}, 2).size, 0);
}

TEST(HardPools, OfManyStudiesKeepTheirPromise) {
  std::vector<ReportKind> kinds;
  for (std::int64_t i = 0; i < 900; ++i) kinds.push_back({i % 3, 40 + i * 7 % 25});
  const RetrievalPools pools = draw_hard_pools(kinds, 200);
  EXPECT_EQ(pools.size, kHardPool);
  std::set<std::int64_t> seen;
  for (std::int64_t i = 0; i < pools.count(); ++i) {
    std::int64_t shortest = 1000, longest = 0;
    for (const std::int64_t place : pools.pool(i)) {
      const ReportKind& kind = kinds[static_cast<std::size_t>(place)];
      EXPECT_EQ(kind.findings, kinds[static_cast<std::size_t>(pools.pool(i)[0])].findings);
      shortest = std::min(shortest, kind.words);
      longest = std::max(longest, kind.words);
      EXPECT_TRUE(seen.insert(place).second) << "a study is in one pool";
    }
    EXPECT_LE(10 * longest, 11 * shortest);
  }
  EXPECT_EQ(pools.left_out, 900 - std::ssize(seen));
  EXPECT_EQ(pools.places, draw_hard_pools(kinds, 200).places);
}

TEST(HardPools, AreAsLargeAsHalfOfTheStudiesFill) {
  EXPECT_EQ(draw_hard_pools(alike(100, 1, 30), 200).count(), 2);
  EXPECT_EQ(draw_hard_pools(alike(50, 1, 30) + alike(40, 0, 30), 200).size, kHardPool);
  const RetrievalPools few = draw_hard_pools(alike(45, 1, 30), 200);
  EXPECT_EQ(few.size, kSmallHardPool);
  EXPECT_EQ(few.left_out, 5);
  std::vector<ReportKind> scattered = alike(55, 9, 30);
  for (std::int64_t findings = 0; findings < 5; ++findings)
    scattered = scattered + alike(20, findings, 30);
  EXPECT_EQ(draw_hard_pools(scattered, 200).size, kSmallHardPool);
  EXPECT_EQ(draw_hard_pools(scattered, 200).left_out, 15);
  EXPECT_EQ(draw_hard_pools(alike(19, 1, 30), 200).size, 0);
  EXPECT_EQ(draw_hard_pools(alike(19, 1, 30), 10).size, 10) << "--pool";
}

}  // namespace
}  // namespace biplane
