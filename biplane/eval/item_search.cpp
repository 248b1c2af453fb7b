#include "biplane/eval/item_search.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "biplane/eval/drawn_rows.h"
#include "biplane/eval/module_figures.h"
#include "biplane/eval/study_classes.h"

namespace biplane {
namespace {

Items items_at(const Items& items, const std::vector<std::int64_t>& places) {
  Items some = make_items(items.features.index_select(0, index_tensor(places)),
                          picked(items.group, places), {});
  for (const std::int64_t place : places)
    some.patient.push_back(items.patient[static_cast<std::size_t>(place)]);
  return some;
}

// Candidates of the query that has the fewest.
std::int64_t smallest_pool(const Items& queries, const ItemSearch& search) {
  const auto all = static_cast<std::int64_t>(search.among.size());
  if (!search.others_only) return all;
  std::map<std::string, std::int64_t> own;
  for (const std::string& patient : search.among.patient) ++own[patient];
  std::int64_t smallest = all;
  for (const std::string& patient : queries.patient)
    smallest = std::min(smallest, all - own[patient]);
  return smallest;
}

// Of each query its precisions and its average precision; nothing where it has no match.
std::vector<std::vector<std::optional<double>>> query_figures(const Items& queries,
                                                              const ItemSearch& search,
                                                              const Engine& engine) {
  std::vector<std::vector<std::optional<double>>> of(queries.size());
  engine.for_each(static_cast<std::int64_t>(queries.size()), [&](std::int64_t i) {
    const auto place = static_cast<std::size_t>(i);
    const RankedMatches ranked =
        ranked_candidates(queries, place, search.among, search.others_only);
    if (ranked.matches() == 0) return;
    for (const std::int64_t depth : kPrecisionDepths)
      of[place].push_back(ranked.precision_at(depth));
    of[place].push_back(ranked.average_precision());
  });
  return of;
}

FigureTable search_figures(const Items& queries, const ItemSearch& search, const Engine& engine) {
  const auto of = query_figures(queries, search, engine);
  const std::int64_t pool = smallest_pool(queries, search);
  FigureTable figures;
  for (std::size_t metric = 0; metric <= kPrecisionDepths.size(); ++metric) {
    ResultRow row = search.model;
    if (metric < kPrecisionDepths.size()) row.k = kPrecisionDepths[metric];
    row.metric = metric < kPrecisionDepths.size() ? "precision_at_k" : "map";
    row.pool = pool;
    if (row.k > row.pool) continue;
    std::vector<FigurePart> parts;
    for (std::size_t query = 0; query < of.size(); ++query) {
      if (of[query].empty() || !of[query][metric]) continue;
      parts.push_back({static_cast<std::int64_t>(query), *of[query][metric], 1});
    }
    figures.add(std::move(row), std::move(parts), "no study has a match");
  }
  return figures;
}

}  // namespace

Items make_items(const torch::Tensor& features, std::vector<std::int64_t> group,
                 std::vector<std::string> patient) {
  return {features.to(torch::kFloat64).contiguous(), std::move(group), std::move(patient)};
}

RankedMatches ranked_candidates(const Items& queries, std::size_t query, const Items& candidates,
                                bool others_only) {
  const torch::Tensor similarity =
      candidates.features.mv(queries.features[static_cast<std::int64_t>(query)]).contiguous();
  const double* values = similarity.const_data_ptr<double>();
  std::vector<double> score;
  std::vector<std::uint8_t> match;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (others_only && candidates.patient[c] == queries.patient[query]) continue;
    score.push_back(values[c]);
    match.push_back(candidates.group[c] == queries.group[query] ? 1 : 0);
  }
  return RankedMatches(score, match);
}

void add_search(const EvaluationInput& input, const ViewColumn& column, const ItemSearch& search,
                std::vector<ResultRow>& rows) {
  const Items queries = items_at(search.from, drawn_places(input, column.rows, input.most_queries));
  const FigureTable figures = search_figures(queries, search, input.engine);
  const std::string note = drawn_note(queries.size(), search.from.size());
  for (ResultRow& row : figures.measure(queries.patient, input.bootstrap, input.engine.threads())) {
    if (row.value && !note.empty()) row.note = note;
    rows.push_back(std::move(row));
  }
}

}  // namespace biplane
