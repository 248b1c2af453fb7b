#include "biplane/eval/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "biplane/core/error.h"

namespace biplane {
namespace {

void check(Values probability, Flags positive, Values weight) {
  if (probability.size() != positive.size() ||
      (!weight.empty() && weight.size() != probability.size()))
    throw Error(ErrorKind::kUsage, "calibration: " + std::to_string(probability.size()) +
                                       " probabilities, " + std::to_string(positive.size()) +
                                       " labels and " + std::to_string(weight.size()) + " weights");
  if (!std::all_of(probability.begin(), probability.end(),
                   [](double p) { return std::isfinite(p); }))
    throw Error(ErrorKind::kFailure, "a score is not finite");
}

double weight_of(Values weight, std::size_t row) { return weight.empty() ? 1.0 : weight[row]; }

}  // namespace

std::optional<double> brier(Values probability, Flags positive, Values weight) {
  check(probability, positive, weight);
  double sum = 0, all = 0;
  for (std::size_t i = 0; i < probability.size(); ++i) {
    const double error = probability[i] - (positive[i] != 0 ? 1.0 : 0.0);
    sum += weight_of(weight, i) * error * error;
    all += weight_of(weight, i);
  }
  if (all <= 0) return std::nullopt;
  return sum / all;
}

std::optional<double> ece15(Values probability, Flags positive, Values weight) {
  check(probability, positive, weight);
  constexpr int kBins = 15;
  std::array<double, kBins> difference{};  // of truth and confidence, by bin
  double all = 0;
  for (std::size_t i = 0; i < probability.size(); ++i) {
    const int bin =
        std::clamp(static_cast<int>(std::ceil(kBins * probability[i])) - 1, 0, kBins - 1);
    const double truth = positive[i] != 0 ? 1.0 : 0.0;
    difference[static_cast<std::size_t>(bin)] += weight_of(weight, i) * (truth - probability[i]);
    all += weight_of(weight, i);
  }
  if (all <= 0) return std::nullopt;
  double sum = 0;
  for (const double one : difference) sum += std::abs(one);
  return sum / all;
}

std::optional<double> brier(Values probability, Flags positive) {
  return brier(probability, positive, {});
}

std::optional<double> ece15(Values probability, Flags positive) {
  return ece15(probability, positive, {});
}

}  // namespace biplane
