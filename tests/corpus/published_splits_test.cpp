#include "biplane/corpus/published_splits.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "biplane/core/error.h"

namespace biplane {
namespace {

TEST(PublishedSplits, RefuseWhatTheLibrariesRefuse) {
  const auto split = [](std::int64_t n, const SplitShares& shares) {
    return train_test_split(n, shares, LegacyRandom(0));
  };
  const auto rows = [](std::int64_t count) { return RowShare{count}; };
  EXPECT_THROW(split(10, {.test = 0.0, .train = {}}), Error);
  EXPECT_THROW(split(10, {.test = 1.0, .train = {}}), Error);
  EXPECT_THROW(split(10, {.test = rows(10), .train = {}}), Error);
  EXPECT_THROW(split(10, {.test = 0.5, .train = 0.6}), Error);
  EXPECT_THROW(split(1, {.test = 0.5, .train = {}}), Error);  // nothing to train on
  EXPECT_THROW(dataframe_sample(3, rows(4), LegacyRandom(0)), Error);
  EXPECT_THROW(dataframe_sample(3, 1.5, LegacyRandom(0)), Error);
  EXPECT_THROW(dataframe_sample(3, rows(-1), LegacyRandom(0)), Error);
  const std::vector<std::int64_t> alone{0, 0, 0, 1}, three{0, 0, 1, 1, 2, 2};
  EXPECT_THROW(stratified_split(alone, {}, LegacyRandom(0)), Error);
  EXPECT_THROW(stratified_split(three, {.test = rows(2), .train = {}}, LegacyRandom(0)), Error);
}

TEST(PublishedSplits, EveryRowIsInOnePart) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 103; ++i) labels.push_back(i % 5 == 0 ? 1 : 0);
  const RowSplit split = stratified_split(labels, {}, LegacyRandom(7));
  std::vector<std::int64_t> all = split.train;
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  for (std::int64_t i = 0; i < 103; ++i) ASSERT_EQ(all.at(static_cast<std::size_t>(i)), i);
}

}  // namespace
}  // namespace biplane
