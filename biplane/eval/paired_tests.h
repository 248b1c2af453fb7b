#pragma once

#include <optional>

#include "biplane/eval/metrics.h"

namespace biplane {

// AUROC of two models on the same rows, compared.
struct DelongResult {
  double auroc_a = 0, auroc_b = 0;
  double variance_a = 0, variance_b = 0, covariance = 0;  // of the AUROCs, over rows
  // Of the difference a - b and its two-sided normal probability; nothing where it has no variance
  // (one model ranks as the other does).
  std::optional<double> z, p;
};

// DeLong, DeLong and Clarke-Pearson 1988, placement values with ties one half, by ranks. The rows
// must be independent: one a patient, or use PatientBootstrap and difference_of. Undefined with
// fewer than two rows of either class. Throws as the metrics of metrics.h do.
std::optional<DelongResult> delong(Values a, Values b, Flags positive);

}  // namespace biplane
