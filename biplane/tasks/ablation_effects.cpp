#include "biplane/tasks/ablation_effects.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "biplane/eval/bootstrap.h"
#include "biplane/tasks/ablation_metrics.h"
#include "biplane/tasks/ablation_terms.h"
#include "biplane/tasks/student.h"

namespace biplane {
namespace {

using Column = std::vector<double>;

constexpr double kTail = 0.025;
constexpr double kPower = 0.8;
constexpr double kSingular = 1e-9;

// Runs with a metric: values, and the same on each draw of the patients.
struct Figures {
  std::vector<const AblationRecord*> lines;
  Column values;
  std::vector<Column> draws;  // [draw][run]; empty where one of the runs is undefined
};

Figures figures_of(std::span<const AblationRecord> lines, const std::string& metric,
                   const std::function<bool(const AblationRecord&)>& wanted) {
  Figures figures;
  std::vector<const AblationMetric*> found;
  std::size_t repeats = SIZE_MAX;
  for (const AblationRecord& line : lines) {
    const AblationMetric* one = wanted(line) ? find_metric(line, metric) : nullptr;
    if (one == nullptr) continue;
    figures.lines.push_back(&line);
    figures.values.push_back(one->value);
    found.push_back(one);
    repeats = std::min(repeats, one->repeats.size());
  }
  for (std::size_t b = 0; !found.empty() && b < repeats; ++b) {
    Column draw;
    for (const AblationMetric* one : found) {
      if (one->repeats[b]) draw.push_back(*one->repeats[b]);
    }
    if (draw.size() < found.size()) draw.clear();
    figures.draws.push_back(std::move(draw));
  }
  return figures;
}

double dot(const Column& a, const Column& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double variance(const Column& values) {
  if (values.size() < 2) return 0;
  double mean = 0, sum = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size() - 1);
}

// The percentile p of the mixture of e_b + s t.
double mixture_percentile(const Column& draws, double s, std::int64_t freedom, double p) {
  if (freedom == 0 || s == 0) return percentile(draws, 100 * p);
  const auto [least, most] = std::minmax_element(draws.begin(), draws.end());
  const double reach = s * std::abs(student_quantile(p, freedom));
  double low = *least - reach, high = *most + reach;
  constexpr int kHalvings = 50;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    double share = 0;
    for (const double draw : draws) share += student_cdf((middle - draw) / s, freedom);
    (share < p * static_cast<double>(draws.size()) ? low : high) = middle;
  }
  return (low + high) / 2;
}

// `draws`: the estimate on each draw of the patients; none: the value alone.
Estimate make_estimate(double value, Column draws, double run_error, std::int64_t freedom) {
  Estimate estimate;
  estimate.value = value;
  estimate.run_error = freedom > 0 ? run_error : 0;
  estimate.freedom = freedom;
  estimate.patient_error = std::sqrt(variance(draws));
  if (draws.empty()) draws.push_back(value);
  estimate.low = mixture_percentile(draws, estimate.run_error, freedom, kTail);
  estimate.high = mixture_percentile(draws, estimate.run_error, freedom, 1 - kTail);
  if (freedom > 0) {
    estimate.detectable =
        (student_quantile(1 - kTail, freedom) + student_quantile(kPower, freedom)) *
        std::hypot(estimate.run_error, estimate.patient_error);
  }
  return estimate;
}

// Removes from `column` what the others explain (modified Gram-Schmidt; they are orthogonal).
Column residual(Column column, const std::vector<Column>& basis) {
  for (const Column& other : basis) {
    const double share = dot(column, other) / dot(other, other);
    for (std::size_t i = 0; i < column.size(); ++i) column[i] -= share * other[i];
  }
  return column;
}

// Whether a column holds something that the basis does not.
bool is_new(const Column& column, const Column& left) {
  return dot(left, left) > kSingular * std::max(dot(column, column), kSingular);
}

// Orthogonal columns that span the constant and `columns`, those that are nothing new left out.
std::vector<Column> orthogonal_basis(std::size_t runs, const std::vector<Column>& columns) {
  std::vector<Column> basis{Column(runs, 1.0)};
  for (const Column& column : columns) {
    Column left = residual(column, basis);
    if (is_new(column, left)) basis.push_back(std::move(left));
  }
  return basis;
}

// Least-squares coefficient of `column` beside `others`; nothing where they explain it.
std::optional<Estimate> coefficient(const Figures& figures, const Column& column,
                                    const std::vector<Column>& others) {
  std::vector<Column> basis = orthogonal_basis(column.size(), others);
  const Column left = residual(column, basis);
  if (!is_new(column, left)) return std::nullopt;
  const double length = dot(left, left);
  const auto of = [&](const Column& values) { return dot(left, values) / length; };
  Column draws;
  for (const Column& draw : figures.draws) {
    if (!draw.empty()) draws.push_back(of(draw));
  }
  basis.push_back(left);
  const Column noise = residual(figures.values, basis);
  const auto freedom = static_cast<std::int64_t>(column.size() - basis.size());
  const double error =
      freedom > 0 ? std::sqrt(dot(noise, noise) / static_cast<double>(freedom) / length) : 0;
  Estimate estimate = make_estimate(of(figures.values), std::move(draws), error, freedom);
  estimate.runs = static_cast<std::int64_t>(column.size());
  return estimate;
}

// Columns are half of the signs, so that a coefficient is the whole effect.
Column term_column(const std::vector<AblationFactor>& factors, const FactorTerm& term,
                   const Figures& figures) {
  Column column;
  for (const AblationRecord* line : figures.lines)
    column.push_back(term_sign(factors, term, line->levels) / 2);
  return column;
}

Figures all_figures(std::span<const AblationRecord> lines, const std::string& metric) {
  return figures_of(lines, metric, [](const AblationRecord&) { return true; });
}

std::vector<Column> main_columns(const std::vector<AblationFactor>& factors,
                                 const Figures& figures) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < factors.size(); ++i)
    columns.push_back(term_column(factors, {i}, figures));
  return columns;
}

Figures run_figures(std::span<const AblationRecord> lines, const std::string& run,
                    const std::string& metric) {
  return figures_of(lines, metric, [&](const AblationRecord& line) { return line.run == run; });
}

double mean(const Column& values) {
  return dot(values, Column(values.size(), 1)) / static_cast<double>(values.size());
}

// Means of two sets of runs on the draws that both have.
template <class Combine>
Column combine_draws(const Figures& a, const Figures& b, const Combine& combine) {
  Column draws;
  for (std::size_t i = 0; i < std::min(a.draws.size(), b.draws.size()); ++i) {
    if (!a.draws[i].empty() && !b.draws[i].empty())
      draws.push_back(combine(mean(a.draws[i]), mean(b.draws[i])));
  }
  return draws;
}

// Variance of single runs around the mean of their configuration, of both together.
double pooled_variance(const Figures& a, const Figures& b, std::int64_t freedom) {
  if (freedom == 0) return 0;
  return (variance(a.values) * static_cast<double>(a.values.size() - 1) +
          variance(b.values) * static_cast<double>(b.values.size() - 1)) /
         static_cast<double>(freedom);
}

std::int64_t freedom_of(const Figures& a, const Figures& b) {
  return static_cast<std::int64_t>(a.values.size() + b.values.size()) - 2;
}

}  // namespace

std::vector<FactorEffect> main_effects(const std::vector<AblationFactor>& factors,
                                       std::span<const AblationRecord> lines,
                                       const std::string& metric) {
  const Figures figures = all_figures(lines, metric);
  std::vector<FactorEffect> effects;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    std::vector<Column> others = main_columns(factors, figures);
    const Column own = others[i];
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    effects.push_back({{factors[i].name}, coefficient(figures, own, others)});
  }
  return effects;
}

std::vector<FactorEffect> interaction_effects(const std::vector<AblationFactor>& factors,
                                              std::span<const AblationRecord> lines,
                                              const std::string& metric) {
  const Figures figures = all_figures(lines, metric);
  const std::vector<Column> mains = main_columns(factors, figures);
  std::vector<FactorEffect> effects;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    for (std::size_t j = i + 1; j < factors.size(); ++j) {
      effects.push_back({{factors[i].name, factors[j].name},
                         coefficient(figures, term_column(factors, {i, j}, figures), mains)});
    }
  }
  return effects;
}

std::optional<Estimate> difference(std::span<const AblationRecord> lines, const std::string& run,
                                   const std::string& other, const std::string& metric) {
  const Figures a = run_figures(lines, run, metric), b = run_figures(lines, other, metric);
  if (a.values.empty() || b.values.empty()) return std::nullopt;
  const std::int64_t freedom = freedom_of(a, b);
  const auto inverse = [](const Figures& one) {
    return 1 / static_cast<double>(one.values.size());
  };
  const double error = std::sqrt(pooled_variance(a, b, freedom) * (inverse(a) + inverse(b)));
  Estimate estimate =
      make_estimate(mean(a.values) - mean(b.values),
                    combine_draws(a, b, [](double x, double y) { return x - y; }), error, freedom);
  estimate.runs = freedom + 2;
  return estimate;
}

std::optional<Estimate> mean_of_runs(std::span<const AblationRecord> lines, const std::string& run,
                                     const std::string& metric) {
  const Figures figures = run_figures(lines, run, metric);
  if (figures.values.empty()) return std::nullopt;
  Column draws;
  for (const Column& draw : figures.draws) {
    if (!draw.empty()) draws.push_back(mean(draw));
  }
  const auto count = static_cast<double>(figures.values.size());
  Estimate estimate = make_estimate(mean(figures.values), std::move(draws),
                                    std::sqrt(variance(figures.values) / count),
                                    static_cast<std::int64_t>(figures.values.size()) - 1);
  estimate.runs = static_cast<std::int64_t>(figures.values.size());
  return estimate;
}

std::optional<Estimate> share_of_ceiling(std::span<const AblationRecord> lines,
                                         const CeilingKey& key) {
  const Figures a = run_figures(lines, key.run, key.metric),
                b = run_figures(lines, key.ceiling_run, key.ceiling_metric);
  if (a.values.empty() || b.values.empty()) return std::nullopt;
  const auto share = [](double x, double y) { return (x - 0.5) / (y - 0.5); };
  const double ceiling = mean(b.values), value = share(mean(a.values), ceiling);
  if (!(ceiling > 0.5)) return std::nullopt;
  const std::int64_t freedom = freedom_of(a, b);
  // To first order, from single runs of one variance.
  const double spread = 1 / static_cast<double>(a.values.size()) +
                        value * value / static_cast<double>(b.values.size());
  const double error = std::sqrt(pooled_variance(a, b, freedom) * spread) / (ceiling - 0.5);
  Estimate estimate = make_estimate(value, combine_draws(a, b, share), error, freedom);
  estimate.runs = freedom + 2;
  return estimate;
}

}  // namespace biplane
