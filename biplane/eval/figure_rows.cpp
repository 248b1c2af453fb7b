#include "biplane/eval/figure_rows.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "biplane/core/parallel.h"

namespace biplane {
namespace {

// The mean of a metric over its defined classes.
ResultRow macro_row(const std::vector<ResultRow>& rows, const std::string& metric,
                    ResultRow macro) {
  macro.metric = metric;
  macro.label = "macro";
  std::vector<ResultRow> classes;
  for (const ResultRow& row : rows)
    if (row.metric == metric && row.label != "all") classes.push_back(row);
  return mean_row(std::move(macro), classes);
}

}  // namespace

std::vector<ResultRow> figure_rows(const std::vector<Figure>& figures,
                                   std::span<const std::string> patients, const ResultRow& base,
                                   const BootstrapOptions& options, int threads) {
  const PatientBootstrap bootstrap(patients, options);
  const std::vector<double> ones(patients.size(), 1.0);
  std::vector<ResultRow> rows(figures.size(), base);
  parallel_for(static_cast<std::int64_t>(figures.size()), threads, [&](std::int64_t i) {
    const Figure& figure = figures[static_cast<std::size_t>(i)];
    ResultRow& row = rows[static_cast<std::size_t>(i)];
    row.metric = figure.metric;
    row.label = figure.label;
    row.n = figure.n;
    row.positives = figure.positives;
    row.note = figure.note;
    if (!figure.note.empty()) return;
    row.value = figure.statistic(ones);
    set_repeats(row, bootstrap.replicate(figure.statistic));
  });
  std::vector<ResultRow> all;
  std::vector<std::string> metrics;
  for (const ResultRow& row : rows) {
    if (row.label != "all" &&
        std::find(metrics.begin(), metrics.end(), row.metric) == metrics.end())
      metrics.push_back(row.metric);
  }
  for (const std::string& metric : metrics) all.push_back(macro_row(rows, metric, base));
  all.insert(all.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  return all;
}

}  // namespace biplane
