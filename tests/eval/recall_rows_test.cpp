#include "biplane/eval/recall_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "biplane/eval/report_tables.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const ResultRow& row_of(const std::vector<ResultRow>& rows, const std::string& metric,
                        const std::string& direction) {
  for (const ResultRow& row : rows)
    if (row.metric == metric && row.direction == direction) return row;
  throw std::out_of_range(metric + ", " + direction);
}

TEST(RecallRows, AreThoseOfTheRanksByHand) {
  ResultRow model;
  model.direction = "image_to_text";
  std::vector<ResultRow> rows;
  const std::vector<std::string> patients{"a", "b", "c"};
  add_recall_rows(model, {1, 6, 11}, PatientBootstrap(patients, {.repeats = 20}), rows);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_DOUBLE_EQ(*row_of(rows, "recall_at_1", "image_to_text").value, 1.0 / 3);
  EXPECT_DOUBLE_EQ(*row_of(rows, "recall_at_5", "image_to_text").value, 1.0 / 3);
  EXPECT_DOUBLE_EQ(*row_of(rows, "recall_at_10", "image_to_text").value, 2.0 / 3);
  EXPECT_DOUBLE_EQ(*row_of(rows, "median_rank", "image_to_text").value, 6);
}

// Studies 2 and 0 are one pool, 1 and 3 the other one. Study 0 finds the report of 2 first; 1 and 3
// have the same report.
PoolSearch small_search() {
  PoolSearch search;
  search.model.condition = "hard";
  search.pools = {{2, 0, 1, 3}, 2, 0};
  search.patients = {"a", "b", "c", "d"};
  search.table = [](std::span<const std::int64_t> places) -> PoolTable {
    if (places.front() == 2) return {{0.9, 0.1, 0.8, 0.3}, {0.9, 0.8, 0.1, 0.3}, {0, 1}};
    return {{0.5, 0.5, 0.5, 0.5}, {0.5, 0.5, 0.5, 0.5}, {0, 0}};
  };
  return search;
}

TEST(RecallRows, OfPoolsAreOverTheQueriesOfAll) {
  std::vector<ResultRow> rows;
  const std::vector<MeasuredRecall> recalls = add_pool_rows(small_search(), {.repeats = 20}, rows);
  ASSERT_EQ(rows.size(), 12U);
  EXPECT_DOUBLE_EQ(*row_of(rows, "recall_at_1", "image_to_text").value, 0.75);
  EXPECT_DOUBLE_EQ(*row_of(rows, "recall_at_1", "text_to_image").value, 1);
  EXPECT_DOUBLE_EQ(*row_of(rows, "recall_at_1", "mean").value, 0.875);
  EXPECT_DOUBLE_EQ(*row_of(rows, "recall_at_5", "mean").value, 1);
  EXPECT_DOUBLE_EQ(*row_of(rows, "median_rank", "mean").value, 1);
  ASSERT_EQ(recalls.size(), 3U);
  EXPECT_DOUBLE_EQ(recalls[0].value, 0.875);
  EXPECT_EQ(recalls[0].repeats, row_of(rows, "recall_at_1", "mean").repeats);
  for (const ResultRow& row : rows) EXPECT_EQ(row.condition, "hard");
}

ResultRow recall_row(const std::string& candidates, const std::string& condition, double value) {
  ResultRow row;
  row.task = "retrieval";
  row.views = "both";
  row.metric = "recall_at_1";
  row.direction = "image_to_text";
  row.candidates = candidates;
  row.condition = condition;
  row.pool = candidates == "all" ? 200 : 777;
  row.value = value;
  return row;
}

TEST(RecallRows, UnderAConditionOrOfOtherCandidatesAreNotTheMainFigure) {
  const RowKey key{"retrieval", "recall_at_1", "both", "", "", "image_to_text", ""};
  std::vector<ResultRow> rows{recall_row("distinct_texts", "", 0.125),
                              recall_row("all", "hard", 0.25)};
  EXPECT_EQ(find_row(rows, key), nullptr);
  rows.push_back(recall_row("all", "", 0.5));
  ASSERT_NE(find_row(rows, key), nullptr);
  EXPECT_EQ(*find_row(rows, key)->value, 0.5);
  std::rotate(rows.begin(), rows.end() - 1, rows.end());
  const std::string table = result_table(rows);
  EXPECT_THAT(table, HasSubstr("Retrieval, pools of 200"));
  EXPECT_THAT(table, HasSubstr("both, image_to_text, 777 distinct texts"));
  EXPECT_THAT(table, HasSubstr("0.125"));
  EXPECT_THAT(table, Not(HasSubstr("0.250")));
}

}  // namespace
}  // namespace biplane
