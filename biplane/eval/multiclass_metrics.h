#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "biplane/eval/metrics.h"

namespace biplane {

// Probabilities of classes that exclude each other, by the conventions of scikit-learn; free of
// LibTorch.
class MulticlassScores {
 public:
  // truth: the class of each row, 0 .. classes-1; probability: (rows, classes) row-major. Throws
  // Error: kUsage for sizes that do not fit, a class out of range or no row; kFailure for a
  // probability outside [0, 1].
  MulticlassScores(std::span<const std::int64_t> truth, Values probability, std::int64_t classes);

  std::int64_t classes() const { return classes_; }
  // The class of the highest probability; of equal ones the first.
  const std::vector<std::int64_t>& predicted() const { return predicted_; }

  // Rows of truth, columns of prediction. `weight`: of the rows; empty: 1 each.
  std::vector<std::vector<double>> confusion(Values weight = {}) const;
  std::optional<double> accuracy(Values weight = {}) const;  // undefined without weight
  // Mean F1 over all classes (0 for one that is neither there nor predicted), or over those that
  // are there or predicted.
  double macro_f1(bool all_classes = true, Values weight = {}) const;
  // Of a class against the rest; undefined where either has no weight.
  std::optional<double> auroc(std::int64_t of, Values weight = {}) const;
  double log_loss() const;  // p clipped to [eps, 1 - eps]
  // Mean over rows of the sum over classes of (p - y)^2; undefined without weight.
  std::optional<double> brier(Values weight = {}) const;
  // Of the highest probability against being right; undefined without weight.
  std::optional<double> ece15(Values weight = {}) const;

 private:
  double probability(std::size_t row, std::int64_t of) const;

  std::vector<std::int64_t> truth_, predicted_;
  std::vector<double> probability_;
  std::int64_t classes_ = 0;
};

}  // namespace biplane
