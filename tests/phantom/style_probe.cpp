#include "style_probe.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace biplane::testing {
namespace {

using Rows = std::vector<std::vector<double>>;

void standardise(Rows& rows) {
  const double n = static_cast<double>(rows.size());
  for (std::size_t k = 0; k < rows.front().size(); ++k) {
    double mean = 0, square = 0;
    for (const auto& row : rows) mean += row[k] / n;
    for (const auto& row : rows) square += (row[k] - mean) * (row[k] - mean) / n;
    for (auto& row : rows) row[k] = (row[k] - mean) / (std::sqrt(square) + 1e-9);
  }
  for (auto& row : rows) row.push_back(1);
}

// Solves a x = b for a symmetric positive definite a by Gauss elimination.
std::vector<double> solve(Rows a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t r = i + 1; r < n; ++r) {
      const double factor = a[r][i] / a[i][i];
      for (std::size_t c = i; c < n; ++c) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t c = i + 1; c < n; ++c) b[i] -= a[i][c] * b[c];
    b[i] /= a[i][i];
  }
  return b;
}

double score(const std::vector<double>& row, const std::vector<double>& weights) {
  return std::inner_product(row.begin(), row.end(), weights.begin(), 0.0);
}

// Rows begin .. end - 1.
struct Part {
  std::size_t begin = 0, end = 0;
};

std::vector<double> fit(const Rows& rows, const std::vector<bool>& labels, const Part& part) {
  const std::size_t n = rows.front().size();
  std::vector<double> weights(n, 0.0);
  constexpr double kRidge = 5;
  for (int step = 0; step < 15; ++step) {
    Rows hessian(n, std::vector<double>(n, 0.0));
    std::vector<double> gradient(n);
    for (std::size_t k = 0; k < n; ++k) {
      gradient[k] = kRidge * weights[k];
      hessian[k][k] = kRidge;
    }
    for (std::size_t i = part.begin; i < part.end; ++i) {
      const double p = 1 / (1 + std::exp(-score(rows[i], weights)));
      for (std::size_t k = 0; k < n; ++k) {
        gradient[k] += (p - (labels[i] ? 1 : 0)) * rows[i][k];
        for (std::size_t j = 0; j < n; ++j) hessian[k][j] += p * (1 - p) * rows[i][k] * rows[i][j];
      }
    }
    const std::vector<double> move = solve(hessian, gradient);
    for (std::size_t k = 0; k < n; ++k) weights[k] -= move[k];
  }
  return weights;
}

double auroc(const Rows& rows, const std::vector<bool>& labels, const std::vector<double>& weights,
             const Part& part) {
  std::vector<double> positive, negative;
  for (std::size_t i = part.begin; i < part.end; ++i)
    (labels[i] ? positive : negative).push_back(score(rows[i], weights));
  std::sort(negative.begin(), negative.end());
  double wins = 0;
  for (const double p : positive) {
    const auto low = std::lower_bound(negative.begin(), negative.end(), p),
               high = std::upper_bound(low, negative.end(), p);
    wins += static_cast<double>(low - negative.begin()) + 0.5 * static_cast<double>(high - low);
  }
  return wins / (static_cast<double>(positive.size()) * static_cast<double>(negative.size()));
}

}  // namespace

double probe_auroc(Rows features, const std::vector<bool>& labels) {
  standardise(features);
  const std::size_t half = features.size() / 2;
  const Part first{0, half}, second{half, features.size()};
  return 0.5 * (auroc(features, labels, fit(features, labels, first), second) +
                auroc(features, labels, fit(features, labels, second), first));
}

}  // namespace biplane::testing
