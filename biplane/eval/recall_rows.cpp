#include "biplane/eval/recall_rows.h"

#include <optional>

#include "biplane/eval/metrics.h"

namespace biplane {
namespace {

using Ranks = std::vector<std::int64_t>;

struct RankFigure {
  std::string metric;
  std::function<std::optional<double>(const Ranks&, Values weight)> statistic;
};

std::vector<RankFigure> rank_figures() {
  std::vector<RankFigure> figures;
  for (const std::int64_t depth : kRecallDepths)
    figures.push_back(
        {"recall_at_" + std::to_string(depth),
         [depth](const Ranks& ranks, Values weight) { return recall_at_k(ranks, depth, weight); }});
  figures.push_back({"median_rank",
                     [](const Ranks& ranks, Values weight) { return median_rank(ranks, weight); }});
  return figures;
}

ResultRow measured_row(ResultRow row, const RankFigure& figure, const Ranks& ranks,
                       const PatientBootstrap& bootstrap) {
  row.metric = figure.metric;
  row.value = figure.statistic(ranks, {});
  set_repeats(row,
              bootstrap.replicate([&](Values weight) { return figure.statistic(ranks, weight); }));
  return row;
}

// The mean of a figure in both directions.
ResultRow both_ways(const ResultRow& forward, const ResultRow& backward) {
  ResultRow row = forward;
  row.direction = "mean";
  row.value = (*forward.value + *backward.value) / 2;
  set_repeats(row, mean_of(std::array{forward.repeats, backward.repeats}));
  return row;
}

void append(const Ranks& more, Ranks& ranks) {
  ranks.insert(ranks.end(), more.begin(), more.end());
}

// The patient of every query, pool after pool.
std::vector<std::string> query_patients(const PoolSearch& search) {
  std::vector<std::string> patients;
  for (const std::int64_t place : search.pools.places)
    patients.push_back(search.patients.at(static_cast<std::size_t>(place)));
  return patients;
}

}  // namespace

void add_recall_rows(const ResultRow& model, const std::vector<std::int64_t>& ranks,
                     const PatientBootstrap& bootstrap, std::vector<ResultRow>& rows) {
  for (const RankFigure& figure : rank_figures())
    rows.push_back(measured_row(model, figure, ranks, bootstrap));
}

std::vector<MeasuredRecall> add_pool_rows(const PoolSearch& search, const BootstrapOptions& options,
                                          std::vector<ResultRow>& rows) {
  Ranks to_text, to_image;
  for (std::int64_t pool = 0; pool < search.pools.count(); ++pool) {
    const PoolTable table = search.table(search.pools.pool(pool));
    append(retrieval_ranks({table.image_to_text, table.group, table.group}), to_text);
    append(retrieval_ranks({table.text_to_image, table.group, table.group}), to_image);
  }
  const PatientBootstrap bootstrap(query_patients(search), options);
  ResultRow forward = search.model, backward = search.model;
  forward.direction = "image_to_text";
  backward.direction = "text_to_image";
  std::vector<MeasuredRecall> recalls;
  for (const RankFigure& figure : rank_figures()) {
    const ResultRow there = measured_row(forward, figure, to_text, bootstrap),
                    back = measured_row(backward, figure, to_image, bootstrap),
                    mean = both_ways(there, back);
    rows.insert(rows.end(), {there, back, mean});
    if (recalls.size() < kRecallDepths.size()) recalls.push_back({*mean.value, mean.repeats});
  }
  return recalls;
}

}  // namespace biplane
