#include "biplane/eval/retrieval.h"

#include <algorithm>
#include <numeric>

#include "biplane/eval/class_retrieval.h"
#include "biplane/eval/column_pools.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/distinct_texts.h"
#include "biplane/eval/example_images.h"
#include "biplane/eval/hard_retrieval.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/oracle_retrieval.h"
#include "biplane/eval/study_classes.h"

namespace biplane {
namespace {

constexpr std::size_t kBestShown = 5;

// Mean recall of a column less that of the frontal alone, on the same studies, pools and draws.
void add_differences(const ResultRow& model, const std::vector<MeasuredRecall>& own,
                     const std::vector<MeasuredRecall>& frontal, std::vector<ResultRow>& rows) {
  for (std::size_t i = 0; i < kRecallDepths.size(); ++i) {
    rows.push_back(model);
    rows.back().metric = "recall_at_" + std::to_string(kRecallDepths[i]) + "_difference";
    rows.back().direction = "mean";
    rows.back().against = "frontal";
    rows.back().value = own[i].value - frontal[i].value;
    set_repeats(rows.back(), difference_of(own[i].repeats, frontal[i].repeats));
  }
}

RetrievalExample make_example(const EvaluationInput& input, const std::vector<std::int64_t>& rows,
                              const PoolTable& table, std::size_t query) {
  const std::size_t pool = rows.size();
  const Study& study = study_of(input, rows[query]);
  RetrievalExample example;
  example.study_id = study.study_id;
  example.frontal = example_image(input, study, false);
  example.lateral = example_image(input, study, true);
  example.report = study.report.text;
  const Values row = Values(table.image_to_text).subspan(query * pool, pool);
  example.rank =
      retrieval_ranks({row, std::span(table.group).subspan(query, 1), table.group}).front();
  example.pool = static_cast<std::int64_t>(pool);
  std::vector<std::size_t> order(pool);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
  for (std::size_t k = 0; k < std::min(kBestShown, pool); ++k) {
    example.best.push_back({study_of(input, rows[order[k]]).report.text, row[order[k]],
                            table.group[order[k]] == table.group[query]});
  }
  return example;
}

// The first queries of the first pool: chosen by chance, not for their looks.
void add_examples(const EvaluationInput& input, const ViewColumn& column,
                  const RetrievalPools& pools, ReportData& report) {
  const std::span<const std::int64_t> places = pools.pool(0);
  const PoolTable table = column_table(input, column, places);
  std::vector<std::int64_t> rows;
  for (const std::int64_t place : places)
    rows.push_back(column.rows[static_cast<std::size_t>(place)]);
  const auto count = static_cast<std::size_t>(std::min(input.examples, pools.size));
  for (std::size_t query = 0; query < count; ++query)
    report.retrieval.push_back(make_example(input, rows, table, query));
}

// Recall within pools drawn by chance; examples of the first column of whole studies.
void add_recalls(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
                 EvaluationOutput& output) {
  bool shown = false;
  std::vector<MeasuredRecall> frontal;  // over the studies with both views
  for (const ViewColumn& column : columns) {
    const PoolSearch search =
        column_search(input, column, draw_pools(std::ssize(column.rows), input.pool));
    if (search.pools.size == 0) {
      output.notes.emplace_back("retrieval: " + column.views +
                                " skipped, fewer than 2 studies with a report");
      continue;
    }
    std::vector<MeasuredRecall> recalls = add_column_rows(input, column, search, output.rows);
    if (recalls.empty()) continue;
    if (column.population.empty()) {
      if (column.views == "frontal") {
        frontal = std::move(recalls);
      } else if (!frontal.empty()) {
        add_differences(search.model, recalls, frontal, output.rows);
      }
    }
    if (!is_whole(column) || shown) continue;
    shown = true;
    add_examples(input, column, search.pools, output.report);
    if (search.pools.left_out > 0) {
      output.notes.emplace_back("retrieval: " + std::to_string(search.pools.left_out) +
                                " studies fill no pool of " + std::to_string(search.pools.size) +
                                " and were left out");
    }
  }
}

}  // namespace

void RetrievalEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  const std::vector<std::uint8_t> has_report = flags_of(input.features.has_report);
  std::vector<ViewColumn> columns = view_columns(input);
  for (ViewColumn& column : columns) column = filter_column(column, has_report);
  add_recalls(input, columns, output);
  add_class_retrieval(input, output);
  add_distinct_texts(input, columns, output);
  add_hard_retrieval(input, columns, output);
  add_oracle_retrieval(input, columns, output);
}

}  // namespace biplane
