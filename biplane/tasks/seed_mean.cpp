#include "biplane/tasks/seed_mean.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "biplane/tasks/ablation_effects.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRun = "seeds";

std::string key_of(const ResultRow& row) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", row.task, row.views, row.population, row.metric,
                     row.label);
}

std::vector<AblationRecord> records_of(std::span<const SeedRows> seeds) {
  std::vector<AblationRecord> records;
  for (const SeedRows& one : seeds) {
    AblationRecord& record = records.emplace_back();
    record.run = kRun;
    record.seed = one.seed;
    for (const ResultRow& row : one.rows) {
      if (row.value) record.metrics[key_of(row)] = {*row.value, row.repeats};
    }
  }
  return records;
}

// Student's t of few seeds reaches far beyond what a metric can be. Brier's score of exclusive
// classes is a sum over them.
double clamped(double bound, const std::string& metric) {
  return std::clamp(bound, 0.0, metric == "brier" ? 2.0 : 1.0);
}

}  // namespace

std::vector<ResultRow> seed_means(std::span<const SeedRows> seeds) {
  const std::vector<AblationRecord> records = records_of(seeds);
  std::vector<std::int64_t> numbers;
  for (const SeedRows& one : seeds) numbers.push_back(one.seed);
  std::vector<ResultRow> means;
  for (const ResultRow& first : seeds.front().rows) {
    ResultRow& row = means.emplace_back(first);
    row.seeds = numbers;
    row.repeats.clear();
    row.value.reset();
    row.interval = {};
    const auto mean = mean_of_runs(records, kRun, key_of(first));
    const auto defined = mean ? mean->runs : 0;
    if (mean) {
      row.value = mean->value;
      row.interval.low = clamped(mean->low, row.metric);
      row.interval.high = clamped(mean->high, row.metric);
    }
    const auto all = static_cast<std::int64_t>(seeds.size());
    if (defined > 0 && defined < all)
      row.note = fmt::format("undefined in {} of {} seeds", all - defined, all);
  }
  return means;
}

std::string seed_mean_to_json(const ResultRow& row, const ResultOrigin& origin,
                              std::span<const SeedRows> seeds) {
  Json json = Json::parse(result_to_json(row, origin));
  Json weights = Json::array();
  for (const SeedRows& one : seeds) weights.push_back(one.weights_sha256);
  json["weights_sha256"] = weights;
  return json.dump();
}

}  // namespace biplane
