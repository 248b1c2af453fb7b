#include "biplane/eval/operating_points.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "biplane/core/error.h"
#include "biplane/eval/calibration.h"
#include "biplane/eval/calibration_rows.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;

const std::vector<double> kScore{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};
const std::vector<std::uint8_t> kPositive{0, 0, 1, 0, 1, 0, 1, 1};

double threshold_of(const std::vector<OperatingPoint>& points, const std::string& name) {
  for (const OperatingPoint& point : points)
    if (point.name == name) return point.threshold;
  throw std::runtime_error("no point " + name);
}

TEST(OperatingPoints, AreTheThresholdsThatReachTheirShare) {
  const std::vector<double> sensitivity{0.5, 0.75, 1}, specificity{0.5, 0.75, 1};
  const auto points = choose_operating_points(kScore, kPositive, sensitivity, specificity);
  EXPECT_EQ(points.size(), 7U);
  EXPECT_DOUBLE_EQ(threshold_of(points, "sensitivity>=0.5"), 0.7);
  EXPECT_DOUBLE_EQ(threshold_of(points, "sensitivity>=0.75"), 0.5);
  EXPECT_DOUBLE_EQ(threshold_of(points, "sensitivity>=1"), 0.3);
  EXPECT_DOUBLE_EQ(threshold_of(points, "specificity>=0.5"), 0.3);
  EXPECT_DOUBLE_EQ(threshold_of(points, "specificity>=0.75"), 0.5);
  EXPECT_DOUBLE_EQ(threshold_of(points, "specificity>=1"), 0.7);
  EXPECT_DOUBLE_EQ(threshold_of(points, "youden"), *youden(kScore, kPositive)->threshold);
}

TEST(OperatingPoints, ANegativeAboveAllOthersLeavesNoThresholdAmongTheScores) {
  const std::vector<double> score{0.1, 0.9}, all{1.0};
  const std::vector<std::uint8_t> positive{1, 0};
  const auto points = choose_operating_points(score, positive, {}, all);
  EXPECT_GT(threshold_of(points, "specificity>=1"), 0.9);
}

TEST(OperatingPoints, NeedBothKindsAndASensibleShare) {
  const std::vector<double> score{0.1, 0.9}, wrong{1.5};
  const std::vector<std::uint8_t> ones{1, 1}, both{0, 1};
  EXPECT_TRUE(choose_operating_points(score, ones, {}, {}).empty());
  EXPECT_THROW(choose_operating_points(score, both, wrong, {}), Error);
}

TEST(Platt, ItsCurveIsWhereTheLogLossIsLeast) {
  const PlattScaling fit = fit_platt(kScore, kPositive);
  const auto loss = [&](double slope, double intercept) {
    double sum = 0;
    for (std::size_t i = 0; i < kScore.size(); ++i) {
      const double p = PlattScaling{slope, intercept}.probability(kScore[i]);
      const double target = kPositive[i] != 0 ? 5.0 / 6.0 : 1.0 / 6.0;
      sum -= target * std::log(p) + (1 - target) * std::log(1 - p);
    }
    return sum;
  };
  const double least = loss(fit.slope, fit.intercept);
  for (const double step : {-0.01, 0.01}) {
    EXPECT_GT(loss(fit.slope + step, fit.intercept), least);
    EXPECT_GT(loss(fit.slope, fit.intercept + step), least);
  }
  EXPECT_GT(fit.slope, 0);
}

TEST(Platt, ScoresOfAnyScaleGiveTheSameProbabilities) {
  std::vector<double> tiny;
  for (const double score : kScore) tiny.push_back(1e-6 * score + 0.7);
  EXPECT_NEAR(fit_platt(tiny, kPositive).probability(tiny[5]),
              fit_platt(kScore, kPositive).probability(kScore[5]), 1e-6);
  const std::vector<double> apart{0, 0, 1, 1};
  const std::vector<std::uint8_t> positive{0, 0, 1, 1};
  EXPECT_NEAR(fit_platt(apart, positive).probability(1), 0.75, 1e-6) << "the target of 2 positives";
}

// Scores of one class in one column; patient i has study i.
HeadPredictions predictions_of(const std::vector<double>& score, const std::vector<double>& truth) {
  HeadPredictions predictions;
  predictions.task = "zero_shot";
  predictions.kind = "multilabel";
  predictions.classes = {"nodule"};
  PredictedColumn column;
  column.views = "both";
  for (std::size_t i = 0; i < score.size(); ++i) {
    column.studies.push_back("s" + std::to_string(i));
    column.patients.push_back("p" + std::to_string(i));
  }
  column.probability = score;
  column.truth = truth;
  predictions.columns = {column};
  return predictions;
}

const ResultRow& row_of(const CalibrationResult& result, const std::string& metric,
                        const std::string& point, const std::string& label = "nodule") {
  for (const ResultRow& row : result.rows)
    if (row.metric == metric && row.operating_point == point && row.label == label) return row;
  throw std::runtime_error("no row " + metric + " at " + point);
}

TEST(CalibrationRows, ThresholdsComeFromTheStudiesThatChooseAlone) {
  const double unknown = std::nan("");
  const HeadPredictions measured =
      predictions_of({0.15, 0.35, 0.45, 0.65, 0.9}, {0, 1, 0, 1, unknown});
  const HeadPredictions choosing = predictions_of(kScore, {kPositive.begin(), kPositive.end()});
  const CalibrationInput input{measured, choosing, {0.75}, {}};
  const CalibrationResult result = calibration_rows(input, {.repeats = 20}, 1);
  const ResultRow& sensitivity = row_of(result, "sensitivity", "sensitivity>=0.75");
  EXPECT_DOUBLE_EQ(*sensitivity.threshold, 0.5);
  EXPECT_DOUBLE_EQ(*sensitivity.value, 0.5);
  EXPECT_EQ(sensitivity.n, 2);
  EXPECT_EQ(sensitivity.task, "calibration");
  EXPECT_EQ(sensitivity.condition, "zero_shot");
  EXPECT_DOUBLE_EQ(*row_of(result, "specificity", "sensitivity>=0.75").value, 1.0);
  EXPECT_DOUBLE_EQ(*row_of(result, "accuracy", "sensitivity>=0.75").value, 0.75);
  EXPECT_DOUBLE_EQ(*row_of(result, "precision", "sensitivity>=0.75").value, 1.0);
  const PlattScaling platt = fit_platt(kScore, kPositive);
  std::vector<double> probability;
  for (const double score : {0.15, 0.35, 0.45, 0.65})
    probability.push_back(platt.probability(score));
  const std::vector<std::uint8_t> truth{0, 1, 0, 1};
  EXPECT_DOUBLE_EQ(*row_of(result, "ece", "").value, *ece15(probability, truth));
  EXPECT_NEAR(*row_of(result, "brier", "").value, *brier(probability, truth), 1e-12);
  EXPECT_DOUBLE_EQ(*row_of(result, "ece", "", "macro").value, *row_of(result, "ece", "").value);
  ASSERT_EQ(result.reliability.size(), 1U);
  EXPECT_EQ(result.reliability[0].series[0].points.size(), 4U);
}

TEST(CalibrationRows, AClassThatIsUndefinedIsNotedInTheMeanAndEveryColumnHasItsCurve) {
  HeadPredictions both = predictions_of(kScore, {kPositive.begin(), kPositive.end()});
  both.classes = {"nodule", "mass"};  // nobody has a mass
  std::vector<double> score, truth;
  for (std::size_t i = 0; i < kScore.size(); ++i) {
    score.insert(score.end(), {kScore[i], kScore[i]});
    truth.insert(truth.end(), {static_cast<double>(kPositive[i]), 0.0});
  }
  both.columns[0].probability = score;
  both.columns[0].truth = truth;
  both.columns.push_back(both.columns[0]);
  both.columns[1].views = "frontal";
  both.columns[1].population = "all";
  const CalibrationResult result = calibration_rows({both, both, {0.9}, {}}, {.repeats = 20}, 1);
  const ResultRow& mean = row_of(result, "ece", "", "macro");
  EXPECT_THAT(mean.note, HasSubstr("1 classes are undefined"));
  EXPECT_EQ(mean.n, 8);
  EXPECT_THAT(row_of(result, "sensitivity", "youden", "macro").note, HasSubstr("undefined"));
  ASSERT_EQ(result.reliability.size(), 2U);
  EXPECT_EQ(result.reliability[1].views, "frontal");
  EXPECT_EQ(result.reliability[1].population, "all");
}

TEST(CalibrationRows, WithoutAPositiveThereIsNoPrecision) {
  const HeadPredictions measured = predictions_of({0.1, 0.9}, {0, 0});
  const HeadPredictions choosing = predictions_of(kScore, {kPositive.begin(), kPositive.end()});
  const CalibrationResult result =
      calibration_rows({measured, choosing, {}, {}}, {.repeats = 20}, 1);
  EXPECT_FALSE(row_of(result, "precision", "youden").value);
  EXPECT_FALSE(row_of(result, "sensitivity", "youden").value);
  EXPECT_DOUBLE_EQ(*row_of(result, "specificity", "youden").value, 0.5);
}

TEST(CalibrationRows, WithoutBothKindsThereIsNoFigureButANote) {
  const HeadPredictions measured = predictions_of({0.1, 0.9}, {0, 1}),
                        choosing = predictions_of({0.2, 0.8}, {0, 0});
  const CalibrationResult result =
      calibration_rows({measured, choosing, {0.9}, {0.9}}, {.repeats = 20}, 1);
  EXPECT_FALSE(row_of(result, "ece", "").value);
  EXPECT_FALSE(row_of(result, "brier", "").value);
  EXPECT_THAT(row_of(result, "ece", "").note, HasSubstr("not both kinds"));
  for (const char* point : {"youden", "sensitivity>=0.9", "specificity>=0.9"}) {
    EXPECT_FALSE(row_of(result, "accuracy", point).value);
    EXPECT_THAT(row_of(result, "accuracy", point).note, HasSubstr("not both kinds"));
  }
  EXPECT_TRUE(result.reliability.empty());
}

}  // namespace
}  // namespace biplane
