#include "biplane/eval/retrieval.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "biplane/core/random.h"
#include "biplane/eval/class_retrieval.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/example_images.h"
#include "biplane/eval/metrics.h"
#include "biplane/model/losses.h"

namespace biplane {
namespace {

constexpr std::int64_t kSmallestPool = 2;
constexpr std::size_t kBestShown = 5;
constexpr std::array<std::int64_t, 3> kDepths{1, 5, 10};
constexpr std::uint64_t kPoolSeed = 0;  // pools are part of the protocol, not of a run

// Disjoint pools: places in the column's rows, `size` a pool.
struct Pools {
  std::vector<std::int64_t> places;
  std::int64_t size = 0;
  std::int64_t left_out = 0;

  std::int64_t count() const {
    return size == 0 ? 0 : static_cast<std::int64_t>(places.size()) / size;
  }
};

Pools draw_pools(std::int64_t rows, std::int64_t wanted) {
  Pools pools;
  pools.size = std::min(rows, wanted);
  if (pools.size < kSmallestPool) return {};
  pools.places = CounterRandom(kPoolSeed, "retrieval pools").permutation(rows);
  pools.left_out = rows % pools.size;
  pools.places.resize(static_cast<std::size_t>(rows - pools.left_out));
  return pools;
}

// One pool of one column: similarities of its images (rows) to its reports (columns).
struct PoolTable {
  std::vector<std::int64_t> rows;  // of StudyFeatures
  std::vector<double> image_to_text, text_to_image;
  std::vector<std::int64_t> group;
};

std::vector<double> values_of(const torch::Tensor& matrix) {
  const torch::Tensor flat = matrix.contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

PoolTable pool_table(const EvaluationInput& input, const ViewColumn& column,
                     std::span<const std::int64_t> places) {
  PoolTable table;
  std::map<std::string, std::int64_t> groups;
  for (const std::int64_t place : places) {
    table.rows.push_back(column.rows[static_cast<std::size_t>(place)]);
    const std::string text = normalised_report(study_of(input, table.rows.back()).report.text);
    table.group.push_back(
        groups.emplace(text, static_cast<std::int64_t>(groups.size())).first->second);
  }
  const torch::Tensor at_places =
      torch::tensor(at::ArrayRef<std::int64_t>(places.data(), places.size()), torch::kInt64);
  const torch::Tensor at_rows =
      torch::tensor(at::ArrayRef<std::int64_t>(table.rows), torch::kInt64);
  const torch::Tensor images = column.features.index_select(0, at_places).to(torch::kFloat64);
  const torch::Tensor texts =
      unit(input.features.text.index_select(0, at_rows)).to(torch::kFloat64);
  const torch::Tensor similarity = images.matmul(texts.t());
  table.image_to_text = values_of(similarity);
  table.text_to_image = values_of(similarity.t());
  return table;
}

// Ranks of all queries of all pools, pool after pool.
struct Ranks {
  std::vector<std::int64_t> image_to_text, text_to_image;
};

Ranks rank_all(const EvaluationInput& input, const ViewColumn& column, const Pools& pools) {
  Ranks ranks;
  const std::span<const std::int64_t> places(pools.places);
  for (std::int64_t pool = 0; pool < pools.count(); ++pool) {
    const PoolTable table = pool_table(input, column,
                                       places.subspan(static_cast<std::size_t>(pool * pools.size),
                                                      static_cast<std::size_t>(pools.size)));
    const auto forward = retrieval_ranks({table.image_to_text, table.group, table.group});
    const auto backward = retrieval_ranks({table.text_to_image, table.group, table.group});
    ranks.image_to_text.insert(ranks.image_to_text.end(), forward.begin(), forward.end());
    ranks.text_to_image.insert(ranks.text_to_image.end(), backward.begin(), backward.end());
  }
  return ranks;
}

ResultRow make_row(const ViewColumn& column, const Pools& pools, const std::string& metric,
                   const std::string& direction) {
  ResultRow row;
  row.task = "retrieval";
  row.views = column.views;
  row.population = column.population;
  row.metric = metric;
  row.direction = direction;
  row.candidates = "all";
  row.pool = pools.size;
  row.n = static_cast<std::int64_t>(pools.places.size());
  return row;
}

// A value and its repeats, which differences are made of.
struct Measured {
  double value = 0;
  Replicates repeats;
};

// One metric in both directions and their mean, which it returns. statistic(ranks, weights) ->
// value.
template <class Statistic>
Measured add_rows(const ResultRow& model, const Ranks& ranks, const PatientBootstrap& bootstrap,
                  const Statistic& statistic, std::vector<ResultRow>& rows) {
  std::vector<Replicates> repeats;
  double sum = 0;
  for (const bool forward : {true, false}) {
    const std::vector<std::int64_t>& own = forward ? ranks.image_to_text : ranks.text_to_image;
    repeats.push_back(bootstrap.replicate([&](Values weight) { return statistic(own, weight); }));
    rows.push_back(model);
    rows.back().direction = forward ? "image_to_text" : "text_to_image";
    rows.back().value = statistic(own, Values{});
    set_repeats(rows.back(), repeats.back());
    sum += *rows.back().value;
  }
  const Measured mean{sum / 2, mean_of(repeats)};
  rows.push_back(model);
  rows.back().direction = "mean";
  rows.back().value = mean.value;
  set_repeats(rows.back(), mean.repeats);
  return mean;
}

// Adds the rows of a column; returns the mean recall of both directions by depth.
std::vector<Measured> measure_column(const EvaluationInput& input, const ViewColumn& column,
                                     const Pools& pools, std::vector<ResultRow>& rows) {
  std::vector<Measured> recalls;
  const Ranks ranks = rank_all(input, column, pools);
  const std::vector<std::string> all = patients_of(column, input);
  std::vector<std::string> patients;
  for (const std::int64_t place : pools.places)
    patients.push_back(all[static_cast<std::size_t>(place)]);
  const PatientBootstrap bootstrap(patients, input.bootstrap);
  for (const std::int64_t depth : kDepths) {
    const ResultRow model = make_row(column, pools, "recall_at_" + std::to_string(depth), {});
    recalls.push_back(add_rows(
        model, ranks, bootstrap,
        [depth](const auto& own, Values weight) { return recall_at_k(own, depth, weight); }, rows));
  }
  add_rows(
      make_row(column, pools, "median_rank", {}), ranks, bootstrap,
      [](const auto& own, Values weight) { return median_rank(own, weight); }, rows);
  return recalls;
}

// Mean recall of a column less that of the frontal alone, on the same studies, pools and draws.
void add_differences(const ViewColumn& column, const Pools& pools, const std::vector<Measured>& own,
                     const std::vector<Measured>& frontal, std::vector<ResultRow>& rows) {
  for (std::size_t i = 0; i < kDepths.size(); ++i) {
    rows.push_back(
        make_row(column, pools, "recall_at_" + std::to_string(kDepths[i]) + "_difference", "mean"));
    rows.back().against = "frontal";
    rows.back().value = own[i].value - frontal[i].value;
    set_repeats(rows.back(), difference_of(own[i].repeats, frontal[i].repeats));
  }
}

RetrievalExample make_example(const EvaluationInput& input, const PoolTable& table,
                              std::size_t query, const std::vector<std::int64_t>& ranks) {
  const std::size_t pool = table.rows.size();
  const Study& study = study_of(input, table.rows[query]);
  RetrievalExample example;
  example.study_id = study.study_id;
  example.frontal = example_image(input, study, false);
  example.lateral = example_image(input, study, true);
  example.report = study.report.text;
  example.rank = ranks[query];
  example.pool = static_cast<std::int64_t>(pool);
  std::vector<std::size_t> order(pool);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Values row = Values(table.image_to_text).subspan(query * pool, pool);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
  for (std::size_t k = 0; k < std::min(kBestShown, pool); ++k) {
    example.best.push_back({study_of(input, table.rows[order[k]]).report.text, row[order[k]],
                            table.group[order[k]] == table.group[query]});
  }
  return example;
}

// The first queries of the first pool: chosen by chance, not for their looks.
void add_examples(const EvaluationInput& input, const ViewColumn& column, const Pools& pools,
                  ReportData& report) {
  const PoolTable table = pool_table(
      input, column, std::span(pools.places).subspan(0, static_cast<std::size_t>(pools.size)));
  const std::vector<std::int64_t> ranks =
      retrieval_ranks({table.image_to_text, table.group, table.group});
  const auto count = static_cast<std::size_t>(std::min(input.examples, pools.size));
  for (std::size_t query = 0; query < count; ++query)
    report.retrieval.push_back(make_example(input, table, query, ranks));
}

}  // namespace

std::string normalised_report(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (blank) {
      if (!result.empty() && result.back() != ' ') result += ' ';
    } else {
      result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

void RetrievalEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  const torch::Tensor flags = input.features.has_report.to(torch::kUInt8).contiguous();
  const std::vector<std::uint8_t> has_report(flags.data_ptr<std::uint8_t>(),
                                             flags.data_ptr<std::uint8_t>() + flags.numel());
  bool shown = false;
  std::vector<Measured> frontal;  // over the studies with both views
  for (const ViewColumn& whole : view_columns(input)) {
    const ViewColumn column = filter_column(whole, has_report);
    const Pools pools = draw_pools(static_cast<std::int64_t>(column.rows.size()), input.pool);
    if (pools.size == 0) {
      output.notes.emplace_back("retrieval: " + column.views +
                                " skipped, fewer than 2 studies with a report");
      continue;
    }
    if (!column.features.defined()) {
      output.rows.push_back(make_row(column, pools, "recall_at_10", "mean"));
      output.rows.back().note = column.note;
      continue;
    }
    std::vector<Measured> recalls = measure_column(input, column, pools, output.rows);
    if (column.population.empty()) {
      if (column.views == "frontal") {
        frontal = std::move(recalls);
      } else if (!frontal.empty()) {
        add_differences(column, pools, recalls, frontal, output.rows);
      }
    }
    if (column.views != "both" || shown) continue;
    shown = true;
    add_examples(input, column, pools, output.report);
    if (pools.left_out > 0) {
      output.notes.emplace_back("retrieval: " + std::to_string(pools.left_out) +
                                " studies fill no pool of " + std::to_string(pools.size) +
                                " and were left out");
    }
  }
  add_class_retrieval(input, output);
}

}  // namespace biplane
