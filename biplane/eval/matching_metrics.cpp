#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "biplane/core/error.h"
#include "biplane/eval/metrics.h"

namespace biplane {
namespace {

void check_table(const RetrievalTable& table) {
  if (table.similarity.size() != table.query_group.size() * table.candidate_group.size()) {
    throw Error(ErrorKind::kUsage,
                "retrieval: " + std::to_string(table.similarity.size()) + " similarities for " +
                    std::to_string(table.query_group.size()) + " queries and " +
                    std::to_string(table.candidate_group.size()) + " candidates");
  }
  if (!std::all_of(table.similarity.begin(), table.similarity.end(),
                   [](double s) { return std::isfinite(s); })) {
    throw Error(ErrorKind::kFailure, "retrieval: a similarity is not finite");
  }
}

void check_masks(std::size_t a, std::size_t b) {
  if (a == b) return;
  throw Error(ErrorKind::kUsage, "metrics: a map of " + std::to_string(a) +
                                     " pixels and a mask of " + std::to_string(b));
}

struct Moments {
  double count = 0, mean = 0, variance = 0;
};

Moments moments(Values heat, Flags inside, bool wanted) {
  Moments result;
  for (std::size_t i = 0; i < heat.size(); ++i) {
    if ((inside[i] != 0) != wanted) continue;
    result.count += 1;
    result.mean += heat[i];
  }
  if (result.count == 0) return result;
  result.mean /= result.count;
  for (std::size_t i = 0; i < heat.size(); ++i) {
    if ((inside[i] != 0) == wanted)
      result.variance += (heat[i] - result.mean) * (heat[i] - result.mean);
  }
  result.variance /= result.count;
  return result;
}

}  // namespace

std::vector<std::int64_t> retrieval_ranks(const RetrievalTable& table, TieRule ties) {
  check_table(table);
  const std::size_t candidates = table.candidate_group.size();
  std::vector<std::int64_t> ranks;
  ranks.reserve(table.query_group.size());
  for (std::size_t query = 0; query < table.query_group.size(); ++query) {
    const Values row = table.similarity.subspan(query * candidates, candidates);
    std::optional<double> best;
    for (std::size_t c = 0; c < candidates; ++c) {
      if (table.candidate_group[c] == table.query_group[query] && (!best || row[c] > *best))
        best = row[c];
    }
    if (!best)
      throw Error(ErrorKind::kUsage,
                  "retrieval: query " + std::to_string(query) + " has no matching candidate");
    std::int64_t rank = 1;
    for (std::size_t c = 0; c < candidates; ++c) {
      if (table.candidate_group[c] == table.query_group[query]) continue;
      rank += row[c] > *best || (row[c] == *best && ties == TieRule::kPessimistic);
    }
    ranks.push_back(rank);
  }
  return ranks;
}

double precision_at_k(const RetrievalTable& table, std::int64_t k) {
  check_table(table);
  const std::size_t candidates = table.candidate_group.size();
  if (k < 1 || static_cast<std::size_t>(k) > candidates || table.query_group.empty()) {
    throw Error(ErrorKind::kUsage, "retrieval: precision at " + std::to_string(k) + " among " +
                                       std::to_string(candidates));
  }
  double hits = 0;
  std::vector<std::size_t> order(candidates);
  for (std::size_t query = 0; query < table.query_group.size(); ++query) {
    const Values row = table.similarity.subspan(query * candidates, candidates);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
    for (std::int64_t place = 0; place < k; ++place) {
      hits +=
          table.candidate_group[order[static_cast<std::size_t>(place)]] == table.query_group[query];
    }
  }
  return hits / (static_cast<double>(k) * static_cast<double>(table.query_group.size()));
}

std::optional<double> recall_at_k(std::span<const std::int64_t> ranks, std::int64_t k,
                                  Values weight) {
  double hits = 0, all = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const double w = weight.empty() ? 1.0 : weight[i];
    all += w;
    if (ranks[i] <= k) hits += w;
  }
  if (all <= 0) return std::nullopt;
  return hits / all;
}

std::optional<double> median_rank(std::span<const std::int64_t> ranks, Values weight) {
  std::vector<std::int64_t> repeated;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const auto times = weight.empty() ? std::size_t{1} : static_cast<std::size_t>(weight[i] + 0.5);
    repeated.insert(repeated.end(), times, ranks[i]);
  }
  if (repeated.empty()) return std::nullopt;
  const auto middle = repeated.begin() + static_cast<std::ptrdiff_t>(repeated.size() / 2);
  std::nth_element(repeated.begin(), middle, repeated.end());
  const double upper = static_cast<double>(*middle);
  if (repeated.size() % 2 == 1) return upper;
  return (upper + static_cast<double>(*std::max_element(repeated.begin(), middle))) / 2;
}

bool pointing_hit(Values heat, Flags inside) {
  check_masks(heat.size(), inside.size());
  if (heat.empty()) throw Error(ErrorKind::kUsage, "metrics: a map without pixels");
  return inside[static_cast<std::size_t>(std::max_element(heat.begin(), heat.end()) -
                                         heat.begin())] != 0;
}

std::optional<double> contrast_to_noise(Values heat, Flags inside) {
  check_masks(heat.size(), inside.size());
  const Moments in = moments(heat, inside, true), out = moments(heat, inside, false);
  const double variance = in.variance + out.variance;
  if (in.count == 0 || out.count == 0 || variance <= 0) return std::nullopt;
  return (in.mean - out.mean) / std::sqrt(variance);
}

double iou_at(Values heat, Flags inside, double threshold) {
  check_masks(heat.size(), inside.size());
  double both = 0, united = 0;
  for (std::size_t i = 0; i < heat.size(); ++i) {
    const bool hot = heat[i] >= threshold;
    both += hot && inside[i] != 0;
    united += hot || inside[i] != 0;
  }
  return united > 0 ? both / united : 0.0;
}

double mean_iou(Values heat, Flags inside) {
  constexpr std::array<double, 5> kThresholds{0.1, 0.2, 0.3, 0.4, 0.5};
  double sum = 0;
  for (const double threshold : kThresholds) sum += iou_at(heat, inside, threshold);
  return sum / static_cast<double>(kThresholds.size());
}

}  // namespace biplane
