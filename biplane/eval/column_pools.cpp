#include "biplane/eval/column_pools.h"

#include <utility>

#include "biplane/eval/report_groups.h"
#include "biplane/model/losses.h"

namespace biplane {
namespace {

std::vector<double> values_of(const torch::Tensor& matrix) {
  const torch::Tensor flat = matrix.contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

}  // namespace

PoolTable column_table(const EvaluationInput& input, const ViewColumn& column,
                       std::span<const std::int64_t> places) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t place : places)
    rows.push_back(column.rows[static_cast<std::size_t>(place)]);
  const torch::Tensor images =
      column.features.index_select(0, index_tensor({places.begin(), places.end()}))
          .to(torch::kFloat64);
  const torch::Tensor texts =
      unit(input.features.text.index_select(0, index_tensor(rows))).to(torch::kFloat64);
  const torch::Tensor similarity = images.matmul(texts.t());
  return {values_of(similarity), values_of(similarity.t()), report_groups(input, rows)};
}

PoolSearch column_search(const EvaluationInput& input, const ViewColumn& column,
                         RetrievalPools pools) {
  PoolSearch search;
  search.model.task = "retrieval";
  search.model.views = column.views;
  search.model.population = column.population;
  search.model.candidates = "all";
  search.model.pool = pools.size;
  search.model.n = std::ssize(pools.places);
  search.pools = std::move(pools);
  search.patients = patients_of(column, input);
  search.table = [&input, &column](std::span<const std::int64_t> places) {
    return column_table(input, column, places);
  };
  return search;
}

std::vector<MeasuredRecall> add_column_rows(const EvaluationInput& input, const ViewColumn& column,
                                            const PoolSearch& search,
                                            std::vector<ResultRow>& rows) {
  if (column.features.defined()) return add_pool_rows(search, input.bootstrap, rows);
  rows.push_back(search.model);
  rows.back().metric = "recall_at_10";
  rows.back().direction = "mean";
  rows.back().note = column.note;
  return {};
}

}  // namespace biplane
