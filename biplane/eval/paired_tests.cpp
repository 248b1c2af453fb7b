#include "biplane/eval/paired_tests.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include "biplane/core/error.h"

namespace biplane {
namespace {

// Ranks from 1; equal scores share their mean rank.
std::vector<double> mean_ranks(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  std::vector<double> ranks(scores.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && scores[order[end]] == scores[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i)
      ranks[order[i]] = static_cast<double>(begin + end + 1) / 2;
    begin = end;
  }
  return ranks;
}

// Of each positive the share of negatives below it, of each negative that of positives above it.
struct Placements {
  std::vector<double> positive, negative;
  double auroc = 0;
};

Placements placements(Values score, Flags positive) {
  std::vector<double> all(score.begin(), score.end()), inside, outside;
  for (std::size_t i = 0; i < all.size(); ++i)
    (positive[i] != 0 ? inside : outside).push_back(all[i]);
  const std::vector<double> ranks = mean_ranks(all), own = mean_ranks(inside),
                            other = mean_ranks(outside);
  const auto positives = static_cast<double>(inside.size()),
             negatives = static_cast<double>(outside.size());
  Placements result;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (positive[i] != 0) {
      result.positive.push_back((ranks[i] - own[result.positive.size()]) / negatives);
    } else {
      result.negative.push_back(1 - (ranks[i] - other[result.negative.size()]) / positives);
    }
  }
  result.auroc = std::accumulate(result.positive.begin(), result.positive.end(), 0.0) / positives;
  return result;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Sample covariance over the number of values: of the means.
double covariance_of_means(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = mean(a), mean_b = mean(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  const auto count = static_cast<double>(a.size());
  return sum / (count - 1) / count;
}

double covariance(const Placements& a, const Placements& b) {
  return covariance_of_means(a.positive, b.positive) + covariance_of_means(a.negative, b.negative);
}

}  // namespace

std::optional<DelongResult> delong(Values a, Values b, Flags positive) {
  if (a.size() != positive.size() || b.size() != positive.size()) {
    throw Error(ErrorKind::kUsage, "delong: " + std::to_string(a.size()) + " and " +
                                       std::to_string(b.size()) + " scores for " +
                                       std::to_string(positive.size()) + " labels");
  }
  const auto finite = [](double x) { return std::isfinite(x); };
  if (!std::all_of(a.begin(), a.end(), finite) || !std::all_of(b.begin(), b.end(), finite))
    throw Error(ErrorKind::kFailure, "delong: a score is not finite");
  const auto positives =
      std::count_if(positive.begin(), positive.end(), [](auto p) { return p != 0; });
  if (positives < 2 || std::ssize(positive) - positives < 2) return std::nullopt;
  const Placements of_a = placements(a, positive), of_b = placements(b, positive);
  DelongResult result{.auroc_a = of_a.auroc,
                      .auroc_b = of_b.auroc,
                      .variance_a = covariance(of_a, of_a),
                      .variance_b = covariance(of_b, of_b),
                      .covariance = covariance(of_a, of_b),
                      .z = std::nullopt,
                      .p = std::nullopt};
  const double variance = result.variance_a + result.variance_b - 2 * result.covariance;
  // What rounding leaves of the same ranking twice is no variance.
  if (variance > 1e-12 * (result.variance_a + result.variance_b)) {
    result.z = (result.auroc_a - result.auroc_b) / std::sqrt(variance);
    result.p = std::erfc(std::abs(*result.z) / std::numbers::sqrt2);
  }
  return result;
}

}  // namespace biplane
