// What the golden values of detection and of paired tests do not say.
#include <gtest/gtest.h>

#include <limits>

#include "biplane/core/error.h"
#include "biplane/eval/detection_metrics.h"
#include "biplane/eval/multiclass_metrics.h"
#include "biplane/eval/paired_tests.h"

namespace biplane {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Images 0 to 2 have one box each; the first is found, 1 has a wrong prediction, 2 has none, and
// image 3 has a prediction without truth.
struct FourImages {
  std::vector<TruthBox> truth{
      {0, 0, {0, 0, 10, 10}}, {1, 0, {0, 0, 10, 10}}, {2, 0, {0, 0, 10, 10}}};
  std::vector<PredictedBox> predictions{
      {0, 0, {0, 0, 10, 10}, 0.7}, {1, 0, {50, 50, 10, 10}, 0.5}, {3, 0, {0, 0, 10, 10}, 0.9}};
  DetectionOptions options{.images = 4};

  DetectionMatches matches() const { return {truth, predictions, options}; }
};

TEST(DetectionMetrics, ImagesWithoutPredictionsOrTruthCount) {
  FourImages images;
  // Found at precision 1/2 and recall 1/3: 34 of the 101 recall points.
  EXPECT_NEAR(*images.matches().mean_average_precision(), 0.5 * 34 / 101, 1e-12);
  EXPECT_NEAR(*images.matches().recall(0, 0), 1.0 / 3, 1e-12);
  images.options.only_images_with_both = true;
  // Images 0 and 1 stay: precision 1 at recall 1/2, 51 points.
  EXPECT_NEAR(*images.matches().mean_average_precision(), 51.0 / 101, 1e-12);
}

TEST(DetectionMetrics, AWeightOfAnImageIsItsRepetition) {
  FourImages images;
  const double weighted = *images.matches().mean_average_precision(std::vector<double>{2, 0, 1, 1});
  FourImages repeated;
  repeated.truth = {{0, 0, {0, 0, 10, 10}}, {1, 0, {0, 0, 10, 10}}, {2, 0, {0, 0, 10, 10}}};
  repeated.predictions = {
      {0, 0, {0, 0, 10, 10}, 0.7}, {1, 0, {0, 0, 10, 10}, 0.7}, {3, 0, {0, 0, 10, 10}, 0.9}};
  EXPECT_NEAR(weighted, *repeated.matches().mean_average_precision(), 1e-12);
  EXPECT_FALSE(
      images.matches().mean_average_precision(std::vector<double>{0, 0, 0, 1}).has_value());
}

TEST(DetectionMetrics, OnlyTheBestPredictionsOfAnImageCount) {
  FourImages images;
  images.options.per_image = 1;
  images.predictions.push_back({1, 0, {0, 0, 10, 10}, 0.4});  // right, but second in its image
  EXPECT_NEAR(*images.matches().recall(0, 0), 1.0 / 3, 1e-12);
}

TEST(DetectionMetrics, NumbersThatCannotBeAreRefused) {
  FourImages images;
  images.predictions[0].score = kNan;
  EXPECT_THROW(images.matches(), Error);
  images = {};
  images.truth[0].box.w = kNan;
  EXPECT_THROW(images.matches(), Error);
  images = {};
  images.truth[0].image = 4;
  EXPECT_THROW(images.matches(), Error);
  EXPECT_THROW(FourImages().matches().mean_average_precision(std::vector<double>{1}), Error);
}

TEST(Delong, OneRankingTwiceHasNoDifference) {
  const std::vector<double> a{0.1, 0.4, 0.35, 0.8, 0.2}, b{1, 4, 3.5, 8, 2};
  const std::vector<std::uint8_t> positive{0, 0, 1, 1, 0};
  const auto result = delong(a, b, positive);
  ASSERT_TRUE(result.has_value());
  EXPECT_DOUBLE_EQ(result->auroc_a, result->auroc_b);
  EXPECT_FALSE(result->z.has_value());
  EXPECT_FALSE(result->p.has_value());
}

TEST(Delong, UndefinedWithASinglePositiveAndRefusedWhatIsNotFinite) {
  EXPECT_FALSE(delong(std::vector<double>{1, 2, 3}, std::vector<double>{1, 2, 3},
                      std::vector<std::uint8_t>{1, 0, 0})
                   .has_value());
  EXPECT_THROW(delong(std::vector<double>{1, kNan}, std::vector<double>{1, 2},
                      std::vector<std::uint8_t>{1, 0}),
               Error);
  EXPECT_THROW(
      delong(std::vector<double>{1}, std::vector<double>{1, 2}, std::vector<std::uint8_t>{1, 0}),
      Error);
}

TEST(Multiclass, WeightsRepeatRowsAndAClassThatNeverOccursIsUndefined) {
  const std::vector<std::int64_t> truth{0, 1, 1};
  const std::vector<double> probability{0.6, 0.4, 0, 0.7, 0.3, 0, 0.1, 0.9, 0};
  const MulticlassScores scores(truth, probability, 3);
  EXPECT_NEAR(*scores.accuracy(), 2.0 / 3, 1e-12);
  EXPECT_NEAR(*scores.accuracy(std::vector<double>{1, 0, 1}), 1, 1e-12);
  EXPECT_FALSE(scores.accuracy(std::vector<double>{0, 0, 0}).has_value());
  EXPECT_FALSE(scores.auroc(2).has_value());
  EXPECT_NEAR(scores.macro_f1(true), 4.0 / 9, 1e-12);
  EXPECT_NEAR(scores.macro_f1(false), 2.0 / 3, 1e-12);
  EXPECT_THROW(MulticlassScores(truth, std::vector<double>(8), 3), Error);
  EXPECT_THROW(MulticlassScores(std::vector<std::int64_t>{3}, std::vector<double>(3), 3), Error);
  EXPECT_THROW(MulticlassScores(std::vector<std::int64_t>{0}, std::vector<double>{kNan, 0, 0}, 3),
               Error);
}

}  // namespace
}  // namespace biplane
