// Simulated experiments whose truth is known: how often intervals hold it, and how often an effect
// of the size that is called detectable is found.
#include <gtest/gtest.h>

#include <cmath>

#include "biplane/tasks/ablation_effects.h"
#include "tests/tasks/small_ablation.h"

namespace biplane {
namespace {

using testing::five_factors;
using testing::kMetric;
using testing::line;
using testing::simulate;
using testing::Truth;

constexpr int kDesigns = 400;
constexpr int kDraws = 40;

// Shares of the intervals of main effects that hold the truth.
double coverage_of_effects(const Truth& truth) {
  const AblationConfig config = five_factors();
  double held = 0, all = 0;
  for (std::uint64_t number = 0; number < kDesigns; ++number) {
    const auto lines = simulate(config, truth, number, kDraws);
    const auto effects = main_effects(config.factors, lines, kMetric);
    for (std::size_t i = 0; i < effects.size(); ++i) {
      held += effects[i].estimate->touches(truth.effects[i]) ? 1 : 0;
      all += 1;
    }
  }
  return held / all;
}

// Lines of two configurations that differ by `effect`, with `seeds` runs each.
std::vector<AblationRecord> two_configurations(double effect, std::int64_t seeds,
                                               std::uint64_t number) {
  CounterRandom random(9, "two configurations", {number});
  std::vector<AblationRecord> lines;
  const double patients = 0.003 * random.normal();
  for (std::int64_t seed = 0; seed < seeds; ++seed) {
    for (const bool full : {true, false}) {
      const double value = 0.7 + (full ? effect + patients : 0) + 0.02 * random.normal();
      std::vector<double> draws;
      CounterRandom shared(9, "draws", {number});
      for (int b = 0; b < kDraws; ++b)
        draws.push_back(value + (full ? 0.003 * shared.normal() : 0));
      lines.push_back(line("d", full ? "full" : "other", seed, value, draws));
    }
  }
  return lines;
}

TEST(AblationCoverage, IntervalsOfEffectsHoldTheTruthIn95OfAHundredDesigns) {
  const std::vector<double> effects{0.03, 0, 0.05, -0.01, 0.1};
  const double runs = coverage_of_effects({.effects = effects, .run_noise = 0.03});
  EXPECT_GE(runs, 0.93);
  EXPECT_LE(runs, 0.97);
  const double both = coverage_of_effects(
      {.effects = effects, .run_noise = 0.03, .patient_noise = 0.01, .shared_noise = 0.02});
  EXPECT_GE(both, 0.93);
  EXPECT_LE(both, 0.97);
}

TEST(AblationCoverage, IntervalsOfDifferencesDoSoFromThreeAndFromFiveRuns) {
  for (const std::int64_t seeds : {3, 5}) {
    double held = 0;
    for (std::uint64_t number = 0; number < kDesigns; ++number) {
      const auto lines = two_configurations(0.04, seeds, number);
      held += difference(lines, "full", "other", kMetric)->touches(0.04) ? 1 : 0;
    }
    EXPECT_GE(held / kDesigns, 0.93) << seeds;
    EXPECT_LE(held / kDesigns, 0.97) << seeds;
  }
}

TEST(AblationCoverage, AnEffectOfTheDetectableSizeIsFoundInEightOfTenExperiments) {
  // What five runs detect when their noise is the true one: s = 0.02 sqrt(2 / 5), 8 degrees.
  double detectable = 0;
  for (std::uint64_t number = 0; number < kDesigns; ++number) {
    const auto estimate = difference(two_configurations(0, 5, number), "full", "other", kMetric);
    detectable += std::pow(*estimate->detectable, 2) / kDesigns;
  }
  detectable = std::sqrt(detectable);
  double found = 0;
  for (std::uint64_t number = kDesigns; number < 2 * kDesigns; ++number) {
    const auto lines = two_configurations(detectable, 5, number);
    found += difference(lines, "full", "other", kMetric)->touches(0) ? 0 : 1;
  }
  EXPECT_GE(found / kDesigns, 0.74);
  EXPECT_LE(found / kDesigns, 0.86);
}

}  // namespace
}  // namespace biplane
