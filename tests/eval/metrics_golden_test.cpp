// Metrics against golden/metrics (scikit-learn, numpy); tolerance 1e-9.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/ranked_matches.h"
#include "biplane/eval/segmentation_predictions.h"
#include "tests/eval/golden_values.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using nlohmann::json;
using testing::expect_value;
using testing::kTolerance;
using testing::read_json;

struct Column {
  std::vector<double> score, weight;
  std::vector<std::uint8_t> positive;
};

Column column_of(const json& entry) {
  Column column{
      entry["score"].get<std::vector<double>>(), {}, entry["y"].get<std::vector<std::uint8_t>>()};
  if (entry.contains("weight") && !entry["weight"].is_null())
    column.weight = entry["weight"].get<std::vector<double>>();
  return column;
}

TEST(MetricsGolden, RankingOfBinaryLabels) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/classification.json");
  const json cases = read_json("classification.json").at("binary");
  ASSERT_FALSE(cases.empty());
  for (const auto& [name, entry] : cases.items()) {
    const Column column = column_of(entry);
    expect_value(auroc(column.score, column.positive), entry["auroc"], name + " auroc");
    expect_value(average_precision(column.score, column.positive), entry["average_precision"],
                 name + " ap");
    if (entry.contains("auroc_weighted")) {
      expect_value(auroc(column.score, column.positive, column.weight), entry["auroc_weighted"],
                   name + " weighted");
      expect_value(average_precision(column.score, column.positive, column.weight),
                   entry["average_precision_weighted"], name + " weighted ap");
    }
    if (!entry.contains("youden")) continue;
    const auto point = youden(column.score, column.positive);
    ASSERT_TRUE(point.has_value()) << name;
    expect_value(point->threshold, entry["youden"]["threshold"], name + " youden threshold");
    expect_value(point->j, entry["youden"]["j"], name + " youden j");
    expect_value(point->sensitivity, entry["youden"]["sensitivity"], name + " sensitivity");
    expect_value(point->specificity, entry["youden"]["specificity"], name + " specificity");
  }
}

TEST(MetricsGolden, DecisionsAndProbabilities) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/classification.json");
  const json cases = read_json("classification.json").at("binary");
  for (const auto& [name, entry] : cases.items()) {
    if (!entry.contains("brier")) continue;
    const Column column = column_of(entry);
    expect_value(brier(column.score, column.positive), entry["brier"], name + " brier");
    expect_value(log_loss(column.score, column.positive), entry["log_loss"], name + " log loss");
    expect_value(ece15(column.score, column.positive), entry["ece15"], name + " ece");
    const Confusion counts = confusion(column.score, column.positive, 0.5);
    expect_value(accuracy(counts), entry["accuracy"], name + " accuracy");
    expect_value(f1(counts), entry["f1"], name + " f1");
    expect_value(macro_f1(counts), entry["macro_f1"], name + " macro f1");
    const std::vector<std::vector<double>> expected = entry["confusion"];
    EXPECT_EQ(counts.true_negative, expected[0][0]) << name;
    EXPECT_EQ(counts.false_positive, expected[0][1]) << name;
    EXPECT_EQ(counts.false_negative, expected[1][0]) << name;
    EXPECT_EQ(counts.true_positive, expected[1][1]) << name;
  }
}

TEST(MetricsGolden, MultilabelLeavesOutUnknownLabels) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/classification.json");
  const json data = read_json("classification.json").at("multilabel");
  double sum = 0, defined = 0;
  for (std::size_t label = 0; label < data["auroc"].size(); ++label) {
    Column column;
    for (std::size_t row = 0; row < data["y"].size(); ++row) {
      if (data["y"][row][label].is_null()) continue;
      column.score.push_back(data["score"][row][label]);
      column.positive.push_back(data["y"][row][label].get<double>() > 0);
    }
    const auto value = auroc(column.score, column.positive);
    expect_value(value, data["auroc"][label], "label " + std::to_string(label));
    expect_value(average_precision(column.score, column.positive), data["average_precision"][label],
                 "label " + std::to_string(label));
    if (value) sum += *value, defined += 1;
  }
  EXPECT_NEAR(sum / defined, data["auroc_mean"].get<double>(), kTolerance);
}

TEST(MetricsGolden, PatientBootstrap) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/bootstrap.json");
  const json data = read_json("bootstrap.json");
  std::vector<std::string> patients;
  for (const std::int64_t patient : data["patient"]) {
    const std::string digits = std::to_string(patient);
    patients.push_back(std::string(8 - digits.size(), '0') +
                       digits);  // byte order = order of the numbers
  }
  const PatientBootstrap bootstrap(patients, {data["repeats"], data["seed"]});
  EXPECT_EQ(bootstrap.patients(), static_cast<std::int64_t>(data["patients_sorted"].size()));
  for (const auto& [name, entry] : data["labels"].items()) {
    const Column column = column_of(entry);
    const RankedScores ranked(column.score, column.positive);
    expect_value(ranked.auroc(), entry["auroc"], name);
    const Replicates values =
        bootstrap.replicate([&](auto weight) { return ranked.auroc(weight); });
    ASSERT_EQ(values.size(), entry["values"].size());
    for (std::size_t r = 0; r < values.size(); ++r)
      expect_value(values[r], entry["values"][r], name + std::to_string(r));
    const Interval interval = percentile_interval(values);
    expect_value(interval.low, entry["low"], name + " low");
    expect_value(interval.high, entry["high"], name + " high");
    EXPECT_EQ(interval.undefined, entry["undefined"].get<std::int64_t>());
  }
  const std::vector<double> small = data["small"]["values"];
  EXPECT_NEAR(percentile(small, 2.5), data["small"]["p2_5"].get<double>(), kTolerance);
  EXPECT_NEAR(percentile(small, 97.5), data["small"]["p97_5"].get<double>(), kTolerance);
}

void expect_retrieval(const RetrievalTable& table, TieRule ties, const json& expected,
                      const std::string& what) {
  const std::vector<std::int64_t> ranks = retrieval_ranks(table, ties);
  EXPECT_EQ(ranks, expected["ranks"].get<std::vector<std::int64_t>>()) << what;
  expect_value(median_rank(ranks), expected["median_rank"], what);
  for (const int k : {1, 5, 10})
    expect_value(recall_at_k(ranks, k), expected["recall_at_" + std::to_string(k)], what);
}

bool any_tie(const std::vector<std::vector<double>>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const std::vector<double>& row) {
    return std::set<double>(row.begin(), row.end()).size() < row.size();
  });
}

double ranked_precision(const std::vector<std::vector<double>>& rows,
                        const std::vector<std::int64_t>& group, std::int64_t k) {
  double sum = 0;
  for (std::size_t query = 0; query < rows.size(); ++query) {
    std::vector<std::uint8_t> match;
    for (const std::int64_t of : group) match.push_back(of == group[query]);
    sum += RankedMatches(rows[query], match).precision_at(k).value();
  }
  return sum / static_cast<double>(rows.size());
}

TEST(MetricsGolden, Retrieval) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/retrieval.json");
  const json cases = read_json("retrieval.json");
  for (const auto& [name, entry] : cases.items()) {
    const std::vector<std::vector<double>> rows = entry["similarity"];
    const std::vector<std::int64_t> group = entry["group"];
    std::vector<double> forward, backward;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = 0; j < rows.size(); ++j) {
        forward.push_back(rows[i][j]);
        backward.push_back(rows[j][i]);
      }
    }
    const RetrievalTable to_text{forward, group, group}, to_image{backward, group, group};
    expect_retrieval(to_text, TieRule::kPessimistic, entry["image_to_text_pessimistic"], name);
    expect_retrieval(to_image, TieRule::kPessimistic, entry["text_to_image_pessimistic"], name);
    expect_retrieval(to_text, TieRule::kOptimistic, entry["image_to_text_optimistic"], name);
    expect_retrieval(to_image, TieRule::kOptimistic, entry["text_to_image_optimistic"], name);
    for (const auto& [k, expected] : entry["image_to_text_precision_at"].items()) {
      EXPECT_NEAR(precision_at_k(to_text, std::stoll(k)), expected.get<double>(), kTolerance)
          << name;
      // What results have counts ties against the model; without ties the two agree.
      if (any_tie(rows)) continue;
      EXPECT_NEAR(ranked_precision(rows, group, std::stoll(k)), expected.get<double>(), kTolerance)
          << name;
    }
  }
}

TEST(MetricsGolden, Grounding) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/grounding.json");
  const json cases = read_json("grounding.json").at("cases");
  for (const json& entry : cases) {
    const std::vector<std::vector<double>> rows = entry["heat"];
    std::vector<double> heat;
    for (const auto& row : rows) heat.insert(heat.end(), row.begin(), row.end());
    std::vector<std::uint8_t> inside(heat.size(), 0);
    const std::size_t columns = rows.front().size();
    for (const std::vector<std::size_t> box : entry["boxes"]) {
      for (std::size_t y = box[1]; y < box[1] + box[3]; ++y) {
        for (std::size_t x = box[0]; x < box[0] + box[2]; ++x) inside[y * columns + x] = 1;
      }
    }
    EXPECT_EQ(pointing_hit(heat, inside), entry["pointing_hit"].get<bool>());
    expect_value(contrast_to_noise(heat, inside), entry["cnr"], "cnr");
    for (const auto& [threshold, expected] : entry["iou_at"].items()) {
      EXPECT_NEAR(iou_at(heat, inside, std::stod(threshold)), expected.get<double>(), kTolerance);
    }
    EXPECT_NEAR(mean_iou(heat, inside), entry["mean_iou"].get<double>(), kTolerance);
  }
}

// "skip length skip length ..." from the end of the previous run, column-major; "-1" is empty.
std::vector<std::uint8_t> mask_of(const std::string& runs, std::size_t rows, std::size_t cols) {
  std::vector<std::uint8_t> mask(rows * cols, 0);
  std::istringstream stream(runs);
  std::size_t place = 0;
  for (std::int64_t skip = 0, length = 0; stream >> skip && skip >= 0 && stream >> length;) {
    place += static_cast<std::size_t>(skip);
    for (; length > 0; --length, ++place) mask[(place % rows) * cols + place / rows] = 1;
  }
  return mask;
}

MaskCounts counts_of(const std::vector<std::uint8_t>& truth,
                     const std::vector<std::uint8_t>& prediction) {
  MaskCounts counts;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    counts.truth += truth[i];
    counts.predicted += prediction[i];
    counts.both += truth[i] & prediction[i];
  }
  return counts;
}

TEST(MetricsGolden, SegmentationOverlapAndItsMeans) {
  BIPLANE_NEEDS_TEST_DATA("golden/metrics/segmentation.json");
  const json golden = read_json("segmentation.json");
  SegmentationPredictions told;
  told.views = "frontal";
  told.classes = {"lesion"};
  std::vector<MaskCounts> all;
  for (const json& entry : golden.at("pairs")) {
    const std::size_t rows = entry["rows"], cols = entry["cols"];
    const MaskCounts counts =
        counts_of(mask_of(entry["truth"], rows, cols), mask_of(entry["prediction"], rows, cols));
    EXPECT_NEAR(dice_of(counts), entry["dice"].get<double>(), kTolerance);
    EXPECT_NEAR(iou_of(counts), entry["iou"].get<double>(), kTolerance);
    all.push_back(counts);
    SegmentedStudy& study = told.studies.emplace_back();
    study.study = study.patient = std::to_string(all.size());
    study.paired = true;
    study.counts = {counts};
  }
  const json& summary = golden.at("summary");
  expect_value(pooled_dice(all), summary["dice_global"], "dice_global");
  const std::vector<ResultRow> rows = segmentation_rows(told, {.repeats = 2}, 1);
  for (const auto& [metric, key] : {std::pair{"dice_positives", "dice_positives"},
                                    {"iou", "iou_positives"},
                                    {"dice_with_empty_rule", "dice_with_empty_rule"}}) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&, &metric = metric](const auto& r) {
      return r.metric == metric && r.label == "lesion";
    });
    ASSERT_NE(row, rows.end()) << metric;
    expect_value(row->value, summary[key], metric);
  }
}

}  // namespace
}  // namespace biplane
