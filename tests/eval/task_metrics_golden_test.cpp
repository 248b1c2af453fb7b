// Metrics of detection, of classes that exclude each other and of paired models against
// golden/metrics (pycocotools, scikit-learn); tolerance 1e-9.
#include <map>

#include "biplane/eval/detection_metrics.h"
#include "biplane/eval/multiclass_metrics.h"
#include "biplane/eval/paired_tests.h"
#include "tests/eval/golden_values.h"

namespace biplane {
namespace {

using nlohmann::json;
using testing::expect_value;
using testing::kTolerance;
using testing::read_json;

DetectionBox box_of(const json& numbers) {
  return {numbers.at(0), numbers.at(1), numbers.at(2), numbers.at(3)};
}

std::map<std::int64_t, std::int64_t> places_of(const json& names) {
  std::map<std::int64_t, std::int64_t> places;
  for (const json& name : names) places.emplace(name.get<std::int64_t>(), 0);
  std::int64_t next = 0;
  for (auto& [name, place] : places) place = next++;
  return places;
}

DetectionMatches matches_of(const json& entry, const std::vector<double>& thresholds) {
  const auto images = places_of(entry.at("images")), categories = places_of(entry.at("categories"));
  std::vector<TruthBox> truth;
  std::vector<PredictedBox> predictions;
  for (const json& one : entry.at("truth"))
    truth.push_back(
        {images.at(one.at("image")), categories.at(one.at("category")), box_of(one.at("box"))});
  for (const json& one : entry.at("predictions"))
    predictions.push_back({images.at(one.at("image")), categories.at(one.at("category")),
                           box_of(one.at("box")), one.at("score").get<double>()});
  return {truth,
          predictions,
          {.images = std::ssize(images),
           .categories = std::ssize(categories),
           .thresholds = thresholds}};
}

TEST(TaskMetricsGolden, Detection) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/detection.json");
  const json golden = read_json("detection.json");
  const auto thresholds = golden.at("iou_thresholds").get<std::vector<double>>();
  ASSERT_EQ(std::ssize(detection_thresholds()), std::ssize(thresholds));
  for (const auto& [name, entry] : golden.at("cases").items()) {
    const DetectionMatches matches = matches_of(entry, detection_thresholds());
    expect_value(matches.mean_average_precision(), entry.at("map"), name);
    for (std::size_t t = 0; t < thresholds.size(); ++t) {
      EXPECT_NEAR(detection_thresholds()[t], thresholds[t], 1e-12);
      for (std::size_t c = 0; c < entry.at("categories").size(); ++c) {
        const auto category = static_cast<std::int64_t>(c);
        expect_value(matches.average_precision(t, category),
                     entry.at("ap_by_threshold_and_category").at(t).at(c), name + " ap");
        expect_value(matches.recall(t, category),
                     entry.at("recall_by_threshold_and_category").at(t).at(c), name + " recall");
      }
    }
  }
}

TEST(TaskMetricsGolden, IouOfBoxes) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/detection.json");
  const json golden = read_json("detection.json").at("box_iou");
  for (std::size_t i = 0; i < golden.at("a").size(); ++i) {
    for (std::size_t j = 0; j < golden.at("b").size(); ++j)
      EXPECT_NEAR(box_iou(box_of(golden["a"][i]), box_of(golden["b"][j])),
                  golden["iou"][i][j].get<double>(), kTolerance);
  }
}

TEST(TaskMetricsGolden, Multiclass) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/classification.json");
  const json golden = read_json("classification.json").at("multiclass");
  std::vector<double> probability;
  for (const json& row : golden.at("probability"))
    for (const json& p : row) probability.push_back(p);
  const auto classes = std::ssize(golden.at("probability").at(0));
  const MulticlassScores scores(golden.at("y").get<std::vector<std::int64_t>>(), probability,
                                classes);
  expect_value(scores.accuracy(), golden.at("accuracy"), "accuracy");
  expect_value(scores.macro_f1(true), golden.at("macro_f1_all_classes"), "f1 of all");
  expect_value(scores.macro_f1(false), golden.at("macro_f1_occurring"), "f1 of occurring");
  expect_value(scores.ece15(), golden.at("ece15"), "ece15");
  expect_value(scores.log_loss(), golden.at("log_loss"), "log loss");
  expect_value(scores.brier(), golden.at("brier"), "brier");
  EXPECT_EQ(scores.confusion(), golden.at("confusion").get<std::vector<std::vector<double>>>());
  for (std::int64_t c = 0; c < classes; ++c)
    expect_value(scores.auroc(c), golden.at("auroc_one_vs_rest").at(static_cast<std::size_t>(c)),
                 "auroc");
}

TEST(TaskMetricsGolden, Delong) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/classification.json");
  const json golden = read_json("classification.json").at("delong");
  const auto result =
      delong(golden.at("a").get<std::vector<double>>(), golden.at("b").get<std::vector<double>>(),
             golden.at("y").get<std::vector<std::uint8_t>>());
  ASSERT_TRUE(result.has_value());
  expect_value(result->auroc_a, golden.at("auc_a"), "a");
  expect_value(result->auroc_b, golden.at("auc_b"), "b");
  expect_value(result->variance_a, golden.at("var_a"), "variance of a");
  expect_value(result->variance_b, golden.at("var_b"), "variance of b");
  expect_value(result->covariance, golden.at("cov"), "covariance");
  expect_value(result->z, golden.at("z"), "z");
  expect_value(result->p, golden.at("p"), "p");
}

}  // namespace
}  // namespace biplane
