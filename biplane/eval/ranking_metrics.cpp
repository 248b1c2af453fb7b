#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "biplane/core/error.h"
#include "biplane/eval/metrics.h"

namespace biplane {
namespace {

void check_sizes(std::size_t values, std::size_t flags, std::size_t weights) {
  if (values == flags && (weights == 0 || weights == values)) return;
  throw Error(ErrorKind::kUsage, "metrics: " + std::to_string(values) + " scores, " +
                                     std::to_string(flags) + " labels and " +
                                     std::to_string(weights) + " weights do not belong together");
}

void check_finite(Values values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      throw Error(ErrorKind::kFailure,
                  "metrics: the score of row " + std::to_string(i) + " is not finite");
    }
  }
}

double weight_at(Values weight, std::size_t row) { return weight.empty() ? 1.0 : weight[row]; }

// Negative, zero or positive as the path a -> b -> c turns right, goes straight or turns left.
double turn(const CurvePoint& a, const CurvePoint& b, const CurvePoint& c) {
  return (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x);
}

}  // namespace

RankedScores::RankedScores(Values score, Flags positive) {
  check_sizes(score.size(), positive.size(), 0);
  check_finite(score);
  std::vector<std::uint32_t> rows(score.size());
  std::iota(rows.begin(), rows.end(), 0U);
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return score[a] > score[b]; });
  order_.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool last = i + 1 == rows.size() || score[rows[i + 1]] != score[rows[i]];
    order_.push_back({rows[i], static_cast<std::uint8_t>(positive[rows[i]] != 0),
                      static_cast<std::uint8_t>(last)});
    positives_ += positive[rows[i]] != 0;
  }
}

std::optional<double> RankedScores::auroc(Values weight) const {
  check_sizes(order_.size(), order_.size(), weight.size());
  double above = 0, area = 0, negatives = 0, tied_positive = 0, tied_negative = 0;
  for (const Entry& entry : order_) {
    (entry.positive != 0 ? tied_positive : tied_negative) += weight_at(weight, entry.row);
    if (entry.last_of_tie == 0) continue;
    area += tied_negative * (above + tied_positive / 2);
    above += tied_positive;
    negatives += tied_negative;
    tied_positive = tied_negative = 0;
  }
  if (above <= 0 || negatives <= 0) return std::nullopt;
  return area / (above * negatives);
}

std::optional<double> RankedScores::average_precision(Values weight) const {
  check_sizes(order_.size(), order_.size(), weight.size());
  double found = 0, seen = 0, sum = 0, tied_positive = 0, tied = 0;
  for (const Entry& entry : order_) {
    const double w = weight_at(weight, entry.row);
    tied += w;
    if (entry.positive != 0) tied_positive += w;
    if (entry.last_of_tie == 0) continue;
    found += tied_positive;
    seen += tied;
    if (tied_positive > 0) sum += tied_positive * found / seen;
    tied_positive = tied = 0;
  }
  if (found <= 0 || seen <= found) return std::nullopt;
  return sum / found;
}

std::vector<CurvePoint> RankedScores::roc() const {
  const double positives = static_cast<double>(positives_);
  const double negatives = static_cast<double>(order_.size()) - positives;
  if (positives == 0 || negatives == 0) return {};
  std::vector<CurvePoint> points{{0, 0}};
  double true_positive = 0, false_positive = 0;
  for (const Entry& entry : order_) {
    (entry.positive != 0 ? true_positive : false_positive) += 1;
    if (entry.last_of_tie == 0) continue;
    const CurvePoint point{false_positive / negatives, true_positive / positives};
    if (points.size() > 1 &&
        std::abs(turn(points[points.size() - 2], points.back(), point)) < 1e-12)
      points.pop_back();
    points.push_back(point);
  }
  return points;
}

std::vector<CurvePoint> RankedScores::precision_recall() const {
  if (positives_ == 0 || positives_ == size()) return {};
  std::vector<CurvePoint> points;
  double found = 0, seen = 0, before = 0;
  for (const Entry& entry : order_) {
    seen += 1;
    found += entry.positive;
    if (entry.last_of_tie == 0 || found == before) continue;
    if (points.empty()) points.push_back({0, found / seen});
    points.push_back({found / static_cast<double>(positives_), found / seen});
    before = found;
  }
  return points;
}

std::optional<double> auroc(Values score, Flags positive, Values weight) {
  check_sizes(score.size(), positive.size(), weight.size());
  return RankedScores(score, positive).auroc(weight);
}

std::optional<double> average_precision(Values score, Flags positive, Values weight) {
  check_sizes(score.size(), positive.size(), weight.size());
  return RankedScores(score, positive).average_precision(weight);
}

Confusion confusion(Values score, Flags positive, double threshold, Values weight) {
  check_sizes(score.size(), positive.size(), weight.size());
  check_finite(score);
  Confusion counts;
  for (std::size_t i = 0; i < score.size(); ++i) {
    const double w = weight_at(weight, i);
    if (score[i] >= threshold) {
      (positive[i] != 0 ? counts.true_positive : counts.false_positive) += w;
    } else {
      (positive[i] != 0 ? counts.false_negative : counts.true_negative) += w;
    }
  }
  return counts;
}

std::optional<double> accuracy(const Confusion& c) {
  const double all = c.true_positive + c.false_positive + c.false_negative + c.true_negative;
  if (all <= 0) return std::nullopt;
  return (c.true_positive + c.true_negative) / all;
}

double f1(const Confusion& c) {
  const double denominator = 2 * c.true_positive + c.false_positive + c.false_negative;
  return denominator > 0 ? 2 * c.true_positive / denominator : 0.0;
}

double macro_f1(const Confusion& c) {
  const Confusion mirrored{c.true_negative, c.false_negative, c.false_positive, c.true_positive};
  return (f1(c) + f1(mirrored)) / 2;
}

std::optional<YoudenPoint> youden(Values score, Flags positive) {
  check_sizes(score.size(), positive.size(), 0);
  check_finite(score);
  std::vector<std::size_t> rows(score.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::sort(rows.begin(), rows.end(),
            [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  const double positives = static_cast<double>(
      std::count_if(positive.begin(), positive.end(), [](auto p) { return p != 0; }));
  const double negatives = static_cast<double>(score.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  YoudenPoint best;
  double true_positive = 0, false_positive = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    (positive[rows[i]] != 0 ? true_positive : false_positive) += 1;
    if (i + 1 < rows.size() && score[rows[i + 1]] == score[rows[i]]) continue;
    const double j = true_positive / positives - false_positive / negatives;
    if (j > best.j)
      best = {score[rows[i]], j, true_positive / positives, 1 - false_positive / negatives};
  }
  return best;
}

std::optional<double> log_loss(Values probability, Flags positive) {
  check_sizes(probability.size(), positive.size(), 0);
  check_finite(probability);
  if (probability.empty()) return std::nullopt;
  constexpr double kEps = 2.220446049250313e-16;
  double sum = 0;
  for (std::size_t i = 0; i < probability.size(); ++i) {
    const double p = std::clamp(probability[i], kEps, 1 - kEps);
    sum -= positive[i] != 0 ? std::log(p) : std::log1p(-p);
  }
  return sum / static_cast<double>(probability.size());
}

}  // namespace biplane
