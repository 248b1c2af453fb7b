#include "biplane/eval/ranked_matches.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "biplane/core/error.h"

namespace biplane {

RankedMatches::RankedMatches(Values score, Flags match) {
  if (score.size() != match.size())
    throw Error(ErrorKind::kUsage, "retrieval: " + std::to_string(score.size()) + " scores and " +
                                       std::to_string(match.size()) + " matches");
  if (!std::all_of(score.begin(), score.end(), [](double s) { return std::isfinite(s); }))
    throw Error(ErrorKind::kFailure, "retrieval: a similarity is not finite");
  order_.resize(score.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::stable_sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return score[a] != score[b] ? score[a] > score[b] : match[a] < match[b];
  });
  for (const std::uint32_t candidate : order_) {
    match_.push_back(match[candidate] != 0 ? 1 : 0);
    matches_ += match_.back();
  }
}

std::optional<double> RankedMatches::precision_at(std::int64_t k, Values weight) const {
  double left = static_cast<double>(k), hits = 0;
  for (std::size_t place = 0; place < order_.size() && left > 0; ++place) {
    const double times = std::min(left, weight.empty() ? 1.0 : weight[order_[place]]);
    hits += match_[place] != 0 ? times : 0.0;
    left -= times;
  }
  if (left > 0 || k < 1) return std::nullopt;
  return hits / static_cast<double>(k);
}

std::optional<double> RankedMatches::average_precision() const {
  double sum = 0, hits = 0;
  for (std::size_t place = 0; place < match_.size(); ++place) {
    if (match_[place] == 0) continue;
    hits += 1;
    sum += hits / static_cast<double>(place + 1);
  }
  if (hits == 0) return std::nullopt;
  return sum / hits;
}

}  // namespace biplane
