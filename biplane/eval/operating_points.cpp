#include "biplane/eval/operating_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr int kBins = 15;
constexpr int kSteps = 100;  // of Newton's method; it needs about ten

void check_share(double share) {
  if (share > 0 && share <= 1) return;
  throw Error(ErrorKind::kUsage, fmt::format("an operating point at {:g}: must be a share, above 0 "
                                             "and at most 1",
                                             share));
}

// Positives and negatives at or above each distinct score, from high to low.
struct Step {
  double threshold = 0, positives = 0, negatives = 0;
};

std::vector<Step> steps_of(const RankedScores& ranked, Values score) {
  std::vector<Step> steps;
  double positives = 0, negatives = 0;
  for (const RankedScores::Entry& entry : ranked.order()) {
    (entry.positive != 0 ? positives : negatives) += 1;
    if (entry.last_of_tie != 0) steps.push_back({score[entry.row], positives, negatives});
  }
  return steps;
}

double highest_with_sensitivity(const std::vector<Step>& steps, double share) {
  const double wanted = share * steps.back().positives * (1 - 1e-12);
  return std::find_if(steps.begin(), steps.end(),
                      [&](const Step& step) { return step.positives >= wanted; })
      ->threshold;
}

double lowest_with_specificity(const std::vector<Step>& steps, double share) {
  const double allowed = (1 - share) * steps.back().negatives * (1 + 1e-12) + 1e-12;
  double threshold = std::nextafter(steps.front().threshold, std::numeric_limits<double>::max());
  for (const Step& step : steps) {
    if (step.negatives > allowed) break;
    threshold = step.threshold;
  }
  return threshold;
}

// Scores as standard deviations from their mean, so that Newton's method starts in range.
struct Scale {
  double mean = 0, deviation = 1;
};

Scale scale_of(Values score) {
  Scale scale;
  const double n = static_cast<double>(score.size());
  scale.mean = std::accumulate(score.begin(), score.end(), 0.0) / n;
  double squares = 0;
  for (const double value : score) squares += (value - scale.mean) * (value - scale.mean);
  if (squares > 0) scale.deviation = std::sqrt(squares / n);
  return scale;
}

}  // namespace

std::vector<std::string> operating_point_names(Values at_sensitivity, Values at_specificity) {
  std::vector<std::string> names{"youden"};
  for (const double share : at_sensitivity)
    names.push_back(fmt::format("sensitivity>={:g}", share));
  for (const double share : at_specificity)
    names.push_back(fmt::format("specificity>={:g}", share));
  return names;
}

std::vector<OperatingPoint> choose_operating_points(Values score, Flags positive,
                                                    Values at_sensitivity, Values at_specificity) {
  for (const double share : at_sensitivity) check_share(share);
  for (const double share : at_specificity) check_share(share);
  const RankedScores ranked(score, positive);
  if (ranked.positives() == 0 || ranked.positives() == ranked.size()) return {};
  const std::vector<Step> steps = steps_of(ranked, score);
  const double above_all =
      std::nextafter(steps.front().threshold, std::numeric_limits<double>::max());
  std::vector<double> thresholds{youden(score, positive)->threshold.value_or(above_all)};
  for (const double share : at_sensitivity)
    thresholds.push_back(highest_with_sensitivity(steps, share));
  for (const double share : at_specificity)
    thresholds.push_back(lowest_with_specificity(steps, share));
  const std::vector<std::string> names = operating_point_names(at_sensitivity, at_specificity);
  std::vector<OperatingPoint> points;
  for (std::size_t i = 0; i < names.size(); ++i) points.push_back({names[i], thresholds[i]});
  return points;
}

double PlattScaling::probability(double score) const {
  return 1 / (1 + std::exp(-(slope * score + intercept)));
}

PlattScaling fit_platt(Values score, Flags positive) {
  const double positives = static_cast<double>(
      std::count_if(positive.begin(), positive.end(), [](auto p) { return p; }));
  const double negatives = static_cast<double>(score.size()) - positives;
  if (score.size() != positive.size() || positives == 0 || negatives == 0)
    throw Error(ErrorKind::kUsage, "calibration: needs positive and negative studies");
  const double high = (positives + 1) / (positives + 2), low = 1 / (negatives + 2);
  const Scale scale = scale_of(score);
  double slope = 0, intercept = std::log((positives + 1) / (negatives + 1));
  for (int step = 0; step < kSteps; ++step) {
    double g0 = 0, g1 = 0, h00 = 1e-12, h01 = 0, h11 = 1e-12;  // gradient and curvature
    for (std::size_t i = 0; i < score.size(); ++i) {
      const double x = (score[i] - scale.mean) / scale.deviation;
      const double p = 1 / (1 + std::exp(-(slope * x + intercept)));
      const double error = p - (positive[i] != 0 ? high : low), curve = p * (1 - p);
      g0 += error;
      g1 += error * x;
      h00 += curve;
      h01 += curve * x;
      h11 += curve * x * x;
    }
    const double determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 0)) break;
    // Steps of a length at which the logistic curve is still like its parabola.
    const double move0 = std::clamp((h11 * g0 - h01 * g1) / determinant, -2.0, 2.0),
                 move1 = std::clamp((h00 * g1 - h01 * g0) / determinant, -2.0, 2.0);
    intercept -= move0;
    slope -= move1;
    if (std::abs(move0) + std::abs(move1) < 1e-12) break;
  }
  return {slope / scale.deviation, intercept - slope * scale.mean / scale.deviation};
}

std::vector<CurvePoint> reliability_curve(Values probability, Flags positive) {
  std::array<double, kBins> count{}, confidence{}, share{};
  for (std::size_t i = 0; i < probability.size(); ++i) {
    const auto bin = static_cast<std::size_t>(
        std::clamp(static_cast<int>(std::ceil(kBins * probability[i])) - 1, 0, kBins - 1));
    count[bin] += 1;
    confidence[bin] += probability[i];
    share[bin] += positive[i] != 0 ? 1 : 0;
  }
  std::vector<CurvePoint> points;
  for (std::size_t bin = 0; bin < count.size(); ++bin)
    if (count[bin] > 0) points.push_back({confidence[bin] / count[bin], share[bin] / count[bin]});
  return points;
}

}  // namespace biplane
