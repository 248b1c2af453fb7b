#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace biplane {

// Metrics of plain numbers, free of LibTorch, by the conventions of scikit-learn. "Undefined" (one
// class only, no variance) is nullopt and never NaN: it is left out of means and named by the
// caller. `positive` holds 0 or 1; `weight` is at least 0, empty = 1 each. All throw Error kUsage
// for spans of different sizes and kFailure for a score that is not finite.

using Flags = std::span<const std::uint8_t>;
using Values = std::span<const double>;

// ---- Ranking of binary labels ----

struct CurvePoint {
  double x = 0, y = 0;
};

// Scores of one class, sorted once: its metrics under many weightings then cost one pass each
// (bootstrap).
class RankedScores {
 public:
  RankedScores(Values score, Flags positive);

  // Area under the ROC curve, ties count one half. Undefined where either class has no weight.
  std::optional<double> auroc(Values weight = {}) const;
  // Average precision: sum of (recall step) x precision over distinct scores. Undefined as above.
  std::optional<double> average_precision(Values weight = {}) const;
  // ROC curve from (0,0) to (1,1), x = false positive rate, y = true positive rate; points inside a
  // straight piece are left out. Empty where auroc() is undefined.
  std::vector<CurvePoint> roc() const;
  // x = recall, y = precision at each distinct score by which a positive is found, before them the
  // first precision at recall 0. Empty where average_precision() is undefined.
  std::vector<CurvePoint> precision_recall() const;
  std::int64_t positives() const { return positives_; }
  std::int64_t size() const { return static_cast<std::int64_t>(order_.size()); }

  struct Entry {
    std::uint32_t row = 0;
    std::uint8_t positive = 0;
    std::uint8_t last_of_tie = 0;  // the next score is lower
  };
  const std::vector<Entry>& order() const { return order_; }  // by falling score

 private:
  std::vector<Entry> order_;
  std::int64_t positives_ = 0;
};

std::optional<double> auroc(Values score, Flags positive, Values weight = {});
std::optional<double> average_precision(Values score, Flags positive, Values weight = {});

// ---- Decisions at a threshold: score >= threshold is positive ----

struct Confusion {
  double true_positive = 0, false_positive = 0, false_negative = 0,
         true_negative = 0;  // sums of weights
};
Confusion confusion(Values score, Flags positive, double threshold, Values weight = {});
// Share of right decisions; undefined for an empty set.
std::optional<double> accuracy(const Confusion& counts);
// F1 of the positive class; 0 where it was neither there nor predicted.
double f1(const Confusion& counts);
// Mean of the F1 of both classes.
double macro_f1(const Confusion& counts);

struct YoudenPoint {
  std::optional<double> threshold;  // nothing: above every score
  double j = 0, sensitivity = 0, specificity = 1;
};
// First maximum of TPR - FPR over the distinct scores from high to low. Undefined with one class
// only.
std::optional<YoudenPoint> youden(Values score, Flags positive);

// ---- Probabilities in [0, 1] ----

std::optional<double> brier(Values probability, Flags positive);     // mean (p - y)^2
std::optional<double> log_loss(Values probability, Flags positive);  // p clipped to [eps, 1 - eps]
// Expected calibration error with 15 bins of equal width, bin ceil(15 p) - 1.
std::optional<double> ece15(Values probability, Flags positive);

// ---- Retrieval ----

enum class TieRule { kPessimistic, kOptimistic };

// Similarities of queries (rows) to candidates (columns), row-major; a candidate matches a query of
// the same group.
struct RetrievalTable {
  Values similarity;
  std::span<const std::int64_t> query_group, candidate_group;
};
// For each query 1 + number of non-matching candidates before its best matching one; equal scores
// of others come first when pessimistic, so constant features get the last rank. Throws Error
// kUsage where a query matches nothing.
std::vector<std::int64_t> retrieval_ranks(const RetrievalTable& table,
                                          TieRule ties = TieRule::kPessimistic);
// Share of matching among the k best, ties in order of the candidates; mean over queries.
double precision_at_k(const RetrievalTable& table, std::int64_t k);
// Share of (weighted) ranks <= k. Undefined without weight.
std::optional<double> recall_at_k(std::span<const std::int64_t> ranks, std::int64_t k,
                                  Values weight = {});
// Median of ranks, each repeated `weight` times (whole numbers); mean of the two middle ones.
std::optional<double> median_rank(std::span<const std::int64_t> ranks, Values weight = {});

// ---- Masks and maps, row-major, of equal size ----

// Whether the first maximum of `heat` lies inside.
bool pointing_hit(Values heat, Flags inside);
// (mean inside - mean outside) / sqrt(variance inside + variance outside), population variances,
// signed. Undefined where one side is empty or nothing varies.
std::optional<double> contrast_to_noise(Values heat, Flags inside);
// IoU of heat >= threshold with the mask; 0 where both are empty.
double iou_at(Values heat, Flags inside, double threshold);
// Mean of iou_at over thresholds 0.1, 0.2 ... 0.5.
double mean_iou(Values heat, Flags inside);

}  // namespace biplane
