#include "biplane/eval/multiclass_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "biplane/core/error.h"
#include "biplane/eval/calibration.h"

namespace biplane {

MulticlassScores::MulticlassScores(std::span<const std::int64_t> truth, Values probability,
                                   std::int64_t classes)
    : truth_(truth.begin(), truth.end()),
      probability_(probability.begin(), probability.end()),
      classes_(classes) {
  const auto width = static_cast<std::size_t>(classes);
  if (truth.empty() || classes < 1 || probability.size() != truth.size() * width) {
    throw Error(ErrorKind::kUsage, "multiclass: " + std::to_string(probability.size()) +
                                       " probabilities for " + std::to_string(truth.size()) +
                                       " rows of " + std::to_string(classes) + " classes");
  }
  for (const std::int64_t one : truth) {
    if (one < 0 || one >= classes)
      throw Error(ErrorKind::kUsage,
                  "multiclass: class " + std::to_string(one) + " of " + std::to_string(classes));
  }
  if (!std::all_of(probability.begin(), probability.end(),
                   [](double p) { return p >= 0 && p <= 1; }))
    throw Error(ErrorKind::kFailure, "multiclass: a probability is not in [0, 1]");
  for (auto row = probability.begin(); row != probability.end(); row += classes)
    predicted_.push_back(std::max_element(row, row + classes) - row);
}

double MulticlassScores::probability(std::size_t row, std::int64_t of) const {
  return probability_[row * static_cast<std::size_t>(classes_) + static_cast<std::size_t>(of)];
}

std::vector<std::vector<double>> MulticlassScores::confusion(Values weight) const {
  if (!weight.empty() && weight.size() != truth_.size())
    throw Error(ErrorKind::kUsage, "multiclass: " + std::to_string(weight.size()) +
                                       " weights for " + std::to_string(truth_.size()) + " rows");
  const auto width = static_cast<std::size_t>(classes_);
  std::vector<std::vector<double>> counts(width, std::vector<double>(width, 0));
  for (std::size_t i = 0; i < truth_.size(); ++i)
    counts[static_cast<std::size_t>(truth_[i])][static_cast<std::size_t>(predicted_[i])] +=
        weight.empty() ? 1 : weight[i];
  return counts;
}

std::optional<double> MulticlassScores::accuracy(Values weight) const {
  const auto counts = confusion(weight);
  double right = 0, all = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    right += counts[i][i];
    for (const double count : counts[i]) all += count;
  }
  if (all <= 0) return std::nullopt;
  return right / all;
}

double MulticlassScores::macro_f1(bool all_classes, Values weight) const {
  const auto counts = confusion(weight);
  double sum = 0, used = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    double there = 0, predicted = 0;
    for (std::size_t j = 0; j < counts.size(); ++j) {
      there += counts[i][j];
      predicted += counts[j][i];
    }
    const bool occurs = there + predicted > 0;
    if (occurs) sum += 2 * counts[i][i] / (there + predicted);
    if (occurs || all_classes) ++used;
  }
  return used > 0 ? sum / used : 0;
}

std::optional<double> MulticlassScores::auroc(std::int64_t of, Values weight) const {
  std::vector<double> score;
  std::vector<std::uint8_t> positive;
  for (std::size_t i = 0; i < truth_.size(); ++i) {
    score.push_back(probability(i, of));
    positive.push_back(truth_[i] == of ? 1 : 0);
  }
  return biplane::auroc(score, positive, weight);
}

double MulticlassScores::log_loss() const {
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  double sum = 0;
  for (std::size_t i = 0; i < truth_.size(); ++i)
    sum -= std::log(std::clamp(probability(i, truth_[i]), kEps, 1 - kEps));
  return sum / static_cast<double>(truth_.size());
}

std::optional<double> MulticlassScores::brier(Values weight) const {
  double sum = 0, all = 0;
  for (std::size_t i = 0; i < truth_.size(); ++i) {
    const double own = weight.empty() ? 1.0 : weight[i];
    for (std::int64_t c = 0; c < classes_; ++c) {
      const double error = probability(i, c) - (truth_[i] == c ? 1 : 0);
      sum += own * error * error;
    }
    all += own;
  }
  if (all <= 0) return std::nullopt;
  return sum / all;
}

std::optional<double> MulticlassScores::ece15(Values weight) const {
  std::vector<double> confidence;
  std::vector<std::uint8_t> right;
  for (std::size_t i = 0; i < truth_.size(); ++i) {
    confidence.push_back(probability(i, predicted_[i]));
    right.push_back(predicted_[i] == truth_[i] ? 1 : 0);
  }
  return biplane::ece15(confidence, right, weight);
}

}  // namespace biplane
