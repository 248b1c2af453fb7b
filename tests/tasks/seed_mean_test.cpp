#include "biplane/tasks/seed_mean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace biplane {
namespace {

ResultRow row_of(std::optional<double> value) {
  ResultRow row;
  row.task = "linear";
  row.views = "frontal";
  row.metric = "auroc";
  row.label = "macro";
  row.value = value;
  row.n = 10;
  if (value) row.repeats = {*value - 0.01, *value + 0.01, *value};
  return row;
}

TEST(SeedMeans, AreMeansWithAnIntervalThatFewRunsMakeWide) {
  const std::vector<SeedRows> seeds = {
      {42, "a", {row_of(0.80)}}, {0, "b", {row_of(0.82)}}, {1, "c", {row_of(0.84)}}};
  const std::vector<ResultRow> means = seed_means(seeds);
  ASSERT_EQ(means.size(), 1U);
  EXPECT_NEAR(*means[0].value, 0.82, 1e-12);
  // Student's t of two degrees of freedom: 4.30 * 0.02 / sqrt(3) on each side, and the patients.
  EXPECT_LT(*means[0].interval.low, 0.82 - 0.0496);
  EXPECT_GT(*means[0].interval.high, 0.82 + 0.0496);
  EXPECT_TRUE(means[0].note.empty());
}

TEST(SeedMeans, ASeedWithoutTheFigureIsCountedInTheNote) {
  const std::vector<SeedRows> seeds = {{0, "a", {row_of({})}}, {1, "b", {row_of(0.7)}}};
  const std::vector<ResultRow> means = seed_means(seeds);
  EXPECT_DOUBLE_EQ(*means[0].value, 0.7);
  EXPECT_EQ(means[0].note, "undefined in 1 of 2 seeds");
  EXPECT_FALSE(seed_means(std::vector<SeedRows>{seeds[0]})[0].value);
}

TEST(SeedMeans, ALineNamesSeedsAndWeights) {
  const std::vector<SeedRows> seeds = {{0, "a", {row_of(0.8)}}, {1, "b", {row_of(0.9)}}};
  const auto line = nlohmann::json::parse(seed_mean_to_json(seed_means(seeds)[0], {}, seeds));
  EXPECT_TRUE(line["seed"].is_null());
  EXPECT_THAT(line["seeds"].get<std::vector<int>>(), ::testing::ElementsAre(0, 1));
  EXPECT_THAT(line["weights_sha256"].get<std::vector<std::string>>(),
              ::testing::ElementsAre("a", "b"));
}

}  // namespace
}  // namespace biplane
