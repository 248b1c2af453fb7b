#include "biplane/eval/head_predictions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/eval/calibration.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Six studies of five patients, two classes; the second class has no negative study.
HeadPredictions small_predictions() {
  HeadPredictions predictions;
  predictions.task = "linear";
  predictions.kind = "multilabel";
  predictions.classes = {"nodule", "mass"};
  predictions.thresholds = {0.5, 0.5};
  PredictedColumn column;
  column.views = "frontal";
  column.population = "all";
  for (int i = 0; i < 6; ++i) {
    column.studies.push_back("s" + std::to_string(i));
    column.patients.push_back("p" + std::to_string(std::min(i, 4)));
  }
  column.probability = {0.9, 0.1, 0.2, 0.3, 0.6, 0.5, 0.4, 0.7, 1.0 / 3.0, 0.9, 0.7, 0.2};
  column.truth = {1, 1, 0, kUnknown, 0, 1, 1, 1, 0, 1, kUnknown, kUnknown};
  predictions.columns = {column};
  return predictions;
}

const ResultRow& row_of(const std::vector<ResultRow>& rows, const std::string& metric,
                        const std::string& label) {
  for (const ResultRow& row : rows) {
    if (row.metric == metric && row.label == label) return row;
  }
  throw std::runtime_error("no row " + metric + " of " + label);
}

TEST(HeadPredictions, ComeBackFromTheirFileAsTheyWere) {
  const biplane::testing::TemporaryFolder folder;
  HeadPredictions predictions = small_predictions();
  predictions.columns.push_back({"lateral_missing", "", "never seen", {}, {}, {}, {}});
  write_predictions(folder / "p.jsonl", predictions);
  const HeadPredictions back = read_predictions(folder / "p.jsonl");
  ASSERT_EQ(back.columns.size(), 2U);
  EXPECT_EQ(back.columns[0].probability, predictions.columns[0].probability);
  EXPECT_EQ(back.columns[0].patients, predictions.columns[0].patients);
  EXPECT_TRUE(std::isnan(back.columns[0].truth[3]));
  EXPECT_EQ(back.columns[1].note, "never seen");
  write_file_atomically(folder / "p.jsonl", read_file(folder / "p.jsonl") + "{\"views\":\"x\"}\n");
  EXPECT_THROW(read_predictions(folder / "p.jsonl"), Error);
}

TEST(HeadRows, OfOneClassAgreeWithAHandComputation) {
  const std::vector<ResultRow> rows = head_rows(small_predictions(), {.repeats = 50}, 1);
  // Known: 0.9+, 0.2-, 0.6-, 0.4+, 0.33-.
  EXPECT_DOUBLE_EQ(*row_of(rows, "auroc", "nodule").value, 5.0 / 6.0);
  EXPECT_DOUBLE_EQ(*row_of(rows, "average_precision", "nodule").value, (1.0 + 2.0 / 3.0) / 2.0);
  EXPECT_DOUBLE_EQ(*row_of(rows, "accuracy", "nodule").value, 3.0 / 5.0);
  EXPECT_NEAR(*row_of(rows, "brier", "nodule").value, (0.01 + 0.04 + 0.36 + 0.36 + 1.0 / 9.0) / 5.0,
              1e-12);
  EXPECT_EQ(row_of(rows, "auroc", "nodule").n, 5);
  EXPECT_EQ(*row_of(rows, "auroc", "nodule").positives, 2);
  EXPECT_TRUE(row_of(rows, "auroc", "nodule").interval.low.has_value());
}

TEST(HeadRows, AClassOfOneKindIsUndefinedAndNotPartOfTheMean) {
  const std::vector<ResultRow> rows = head_rows(small_predictions(), {.repeats = 50}, 1);
  EXPECT_FALSE(row_of(rows, "auroc", "mass").value);
  EXPECT_EQ(row_of(rows, "auroc", "mass").note, "no negative study");
  EXPECT_DOUBLE_EQ(*row_of(rows, "auroc", "macro").value, 5.0 / 6.0);
  EXPECT_THAT(row_of(rows, "auroc", "macro").note, ::testing::HasSubstr("1 classes are undefined"));
}

TEST(HeadRows, OfExclusiveClassesCountAllOfThem) {
  HeadPredictions predictions = small_predictions();
  predictions.kind = "multiclass";
  predictions.classes = {"a", "b", "c"};
  PredictedColumn& column = predictions.columns[0];
  column.studies.resize(4);
  column.patients = {"p0", "p1", "p2", "p3"};
  column.probability = {0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.5, 0.3, 0.2, 0.2, 0.2, 0.6};
  column.truth = {1, 0, 0, 0, 1, 0, 0, 0, 1, kUnknown, kUnknown, kUnknown};
  const std::vector<ResultRow> rows = head_rows(predictions, {.repeats = 20}, 1);
  EXPECT_DOUBLE_EQ(*row_of(rows, "accuracy", "all").value, 2.0 / 3.0);
  EXPECT_EQ(row_of(rows, "accuracy", "all").n, 3);
  EXPECT_DOUBLE_EQ(*row_of(rows, "auroc", "a").value, 1.0);
  EXPECT_DOUBLE_EQ(*row_of(rows, "auroc", "c").value, 1.0);
  EXPECT_DOUBLE_EQ(*selection_metric(column, "multiclass", 3), 2.0 / 3.0);
}

TEST(Calibration, ARowOfWeightTwoCountsAsTwoRows) {
  const std::vector<double> p = {0.1, 0.9, 0.4}, twice = {0.1, 0.9, 0.9, 0.4}, w = {1, 2, 1};
  const std::vector<std::uint8_t> y = {0, 1, 1}, y2 = {0, 1, 1, 1};
  EXPECT_DOUBLE_EQ(*brier(p, y, w), *brier(twice, y2));
  EXPECT_DOUBLE_EQ(*ece15(p, y, w), *ece15(twice, y2));
  EXPECT_FALSE(brier(p, y, std::vector<double>(3, 0.0)));
}

TEST(Youden, ThresholdsComeFromTheGivenRowsAndAreHalfWhereUndefined) {
  const HeadPredictions predictions = small_predictions();
  EXPECT_THAT(youden_thresholds(predictions.columns[0], 2), ::testing::ElementsAre(0.4, 0.5));
}

}  // namespace
}  // namespace biplane
