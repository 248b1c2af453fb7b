#include "biplane/eval/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "biplane/core/files.h"
#include "biplane/core/share.h"
#include "biplane/eval/report_html.h"
#include "biplane/eval/report_plots.h"
#include "biplane/eval/truth_mask.h"
#include "biplane/formats/rle.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReportPlots, TicksAreRoundAndInside) {
  EXPECT_THAT(round_ticks(0, 1, 2), ::testing::ElementsAre(0, 0.5, 1));
  for (const double tick : round_ticks(3.1, 47, 4)) {
    EXPECT_GE(tick, 3.1);
    EXPECT_LE(tick, 47);
  }
  EXPECT_GE(round_ticks(13.1, 19.9, 3).size(), 2U);
  EXPECT_EQ(round_ticks(2, 2, 3).size(), 1U);
}

TEST(ReportPlots, AConstantOrEmptySeriesIsDrawnWithoutNan) {
  EXPECT_EQ(learning_plot({"lr", {}}), "");
  EXPECT_THAT(learning_plot({"lr", {{1, 0.5}, {2, 0.5}}}), Not(HasSubstr("nan")));
  EXPECT_THAT(learning_plot({"zero", {{1, 0}, {1, 0}}}), Not(HasSubstr("nan")));
}

ResultRow auroc_row(const std::string& views, const std::string& label,
                    std::optional<double> value) {
  ResultRow row;
  row.task = "zero_shot";
  row.views = views;
  row.metric = "auroc";
  row.label = label;
  row.value = value;
  if (value) row.interval = {*value - 0.02, *value + 0.02, 0};
  return row;
}

TEST(Report, HostileNamesAndTextsStayText) {
  ReportData data;
  data.title = "<script>alert(1)</script>";
  data.facts = {{"Model", "\"><img src=x>"}};
  data.findings = {{"a<b",
                    3,
                    10,
                    1.0,
                    0.2,
                    {{"both", {{0, 0}, {0.2, 0.8}, {1, 1}}}},
                    {{"both", {{0, 0.9}, {1, 0.3}}}}}};
  RetrievalExample example;
  example.report = "<iframe src=\"https://example.org\">";
  example.best = {{"</li><script>", 0.5, false}};
  data.retrieval = {example};
  std::vector<ResultRow> rows{auroc_row("frontal", "macro", 0.7),
                              auroc_row("both", "macro", std::nullopt)};
  rows[1].note = "\"><script>";
  const ResultOrigin origin;
  const std::vector<std::string> notes{"<b>bold</b>"};
  const std::string html = render_report({data, rows, notes, origin});
  EXPECT_THAT(html, Not(HasSubstr("<script>")));
  EXPECT_THAT(html, Not(HasSubstr("<img src=x>")));
  EXPECT_THAT(html, Not(HasSubstr("<iframe")));
  EXPECT_THAT(html, HasSubstr("a&lt;b"));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;bold&lt;/b&gt;"));
}

TEST(Report, TheStyleSheetFetchesNothing) {
  const std::string css = read_file(share_file("report/report.css"));
  for (const char* outside : {"http", "url(", "@import", "</style"})
    EXPECT_THAT(css, Not(HasSubstr(outside)));
}

TEST(Report, LearningCurvesSkipLinesThatCannotBeRead) {
  const testing::TemporaryFolder folder;
  write_file_atomically(
      folder / "metrics.jsonl",
      "{\"step\":1,\"loss\":2,\"time/step\":1,\"zz\":null}\nnot "
      "json\n{\"step\":2,\"loss\":1,\"a\":1}\n{\"step\":3,\"loss\":0.5,\"a\":2}\n");
  const std::vector<CurveSeries> curves = read_learning_curves(folder.path());
  ASSERT_EQ(curves.size(), 2U);
  EXPECT_EQ(curves[0].name, "loss");  // losses first
  EXPECT_EQ(curves[0].points.size(), 3U);
  EXPECT_EQ(curves[1].name, "a");
  EXPECT_TRUE(read_learning_curves(folder / "absent").empty());
}

TEST(Results, AnUndefinedValueIsNullWithItsNote) {
  ResultRow row = auroc_row("both", "nodule", std::nullopt);
  row.note = "no positive study";
  const nlohmann::json json = nlohmann::json::parse(result_to_json(row, {}));
  EXPECT_TRUE(json["value"].is_null());
  EXPECT_TRUE(json["low"].is_null());
  EXPECT_EQ(json["note"], "no positive study");
  EXPECT_EQ(json["class"], "nodule");
  EXPECT_FALSE(json.contains("direction"));
}

TEST(Results, TableHoldsColumnsSideBySide) {
  const std::vector<ResultRow> rows{auroc_row("frontal", "macro", 0.701),
                                    auroc_row("both", "macro", 0.8)};
  const std::string table = result_table(rows);
  EXPECT_THAT(table, HasSubstr("frontal"));
  EXPECT_THAT(table, HasSubstr("0.701 [0.681, 0.721]  0.800 [0.780, 0.820]"));
}

TEST(Results, TableSaysOnceWhyAMeanHasNoValue) {
  ResultRow row = auroc_row("lateral_missing", "macro", std::nullopt);
  row.note = "never trained without a lateral";
  ResultRow single = row;
  single.label = "nodule";
  const std::string table = result_table(std::vector<ResultRow>{row, row, single});
  EXPECT_THAT(table, HasSubstr("Without a value\n  " + row.task +
                               ", lateral_missing: never trained without a lateral\n\n"));
  EXPECT_EQ(
      result_table(std::vector<ResultRow>{auroc_row("both", "macro", 0.8)}).find("Without a value"),
      std::string::npos);
}

TEST(TruthMask, FollowsTheImageThroughPaddingAndCrop) {
  Study study;
  study.views.push_back({"f.png", ViewPosition::kPA, "", 40, 80, ""});  // padded above and below
  std::vector<std::uint8_t> mask(40 * 80, 0);
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 40; ++x)
      mask[static_cast<std::size_t>(y * 80 + x)] = 1;  // upper left quarter
  }
  study.masks.push_back({0, "nodule", encode_rle(mask, 40, 80), 40, 80});
  study.boxes.push_back({0, "mass", 40, 20, 40, 20, ""});  // lower right quarter
  const PreprocessOptions options{"longest", 40, 40};
  const std::vector<std::uint8_t> nodule = truth_mask(study, 0, "nodule", options),
                                  mass = truth_mask(study, 0, "mass", options);
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 40; ++x) {
      const std::size_t at = static_cast<std::size_t>(y * 40 + x);
      EXPECT_EQ(nodule[at], y >= 10 && y < 20 && x < 20) << y << " " << x;
      EXPECT_EQ(mass[at], y >= 20 && y < 30 && x >= 20) << y << " " << x;
    }
  }
}

}  // namespace
}  // namespace biplane
