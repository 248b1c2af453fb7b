#include "biplane/tasks/ablation_effects.h"

#include <gtest/gtest.h>

#include <cmath>

#include "biplane/tasks/ablation_metrics.h"
#include "biplane/tasks/student.h"
#include "tests/tasks/small_ablation.h"

namespace biplane {
namespace {

using testing::five_factors;
using testing::kMetric;
using testing::line;
using testing::simulate;

TEST(Student, QuantilesAreThoseOfTheTables) {
  EXPECT_NEAR(student_quantile(0.975, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_quantile(0.975, 2), 4.30265, 1e-5);
  EXPECT_NEAR(student_quantile(0.975, 4), 2.77645, 1e-5);
  EXPECT_NEAR(student_quantile(0.975, 10), 2.22814, 1e-5);
  EXPECT_NEAR(student_quantile(0.8, 9), 0.88340, 1e-5);
  EXPECT_NEAR(student_quantile(0.025, 5), -2.57058, 1e-5);
  EXPECT_NEAR(student_cdf(1.96, 100000), 0.975, 1e-4);
}

TEST(AblationEffects, KnownEffectsAreRecoveredExactlyWithoutNoise) {
  const AblationConfig config = five_factors();
  const std::vector<double> truth{0.03, -0.02, 0.05, 0, 0.1};
  const auto lines = simulate(config, {.effects = truth}, 1, 3);
  const auto effects = main_effects(config.factors, lines, kMetric);
  ASSERT_EQ(effects.size(), 5U);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    ASSERT_TRUE(effects[i].estimate.has_value());
    EXPECT_NEAR(effects[i].estimate->value, truth[i], 1e-12) << effects[i].factors.front();
    EXPECT_NEAR(effects[i].estimate->high - effects[i].estimate->low, 0, 1e-9);
    EXPECT_EQ(effects[i].estimate->freedom, 10);
    EXPECT_EQ(effects[i].estimate->runs, 16);
  }
}

TEST(AblationEffects, StandardErrorsAreThoseOfContrasts) {
  const AblationConfig config = five_factors();
  std::vector<AblationRecord> lines = simulate(config, {.effects = {0, 0, 0, 0, 0}}, 1, 0);
  // What is left over is one interaction of size 0.04: each run is 0.02 away from the model.
  for (AblationRecord& one : lines)
    one.metrics.at(kMetric).value +=
        one.levels.at("keys") == one.levels.at("masking") ? 0.02 : -0.02;
  const auto effects = main_effects(config.factors, lines, kMetric);
  const double run = std::sqrt(16 * 0.02 * 0.02 / 10);
  EXPECT_NEAR(effects[0].estimate->run_error, run / 2, 1e-12);  // 2 / sqrt(16)
  EXPECT_NEAR(effects[2].estimate->run_error, run / std::sqrt(2.0), 1e-12)
      << "of the 8 runs with the lateral";
  EXPECT_NEAR(effects[0].estimate->high, student_quantile(0.975, 10) * run / 2, 1e-9);
  EXPECT_NEAR(*effects[0].estimate->detectable,
              (student_quantile(0.975, 10) + student_quantile(0.8, 10)) * run / 2, 1e-9);
  const auto pairs = interaction_effects(config.factors, lines, kMetric);
  ASSERT_EQ(pairs.size(), 10U);
  EXPECT_NEAR(pairs[0].estimate->value, 0.04, 1e-12) << "keys x masking";
  EXPECT_NEAR(pairs[0].estimate->high - pairs[0].estimate->low, 0, 1e-6);
  for (const FactorEffect& pair : pairs) {
    const bool nested = pair.factors == std::vector<std::string>{"alignment", "lateral"};
    EXPECT_EQ(pair.estimate.has_value(), !nested) << pair.factors[0] << pair.factors[1];
  }
}

TEST(AblationEffects, APartOfTheDesignGivesWhatItCan) {
  const AblationConfig config = five_factors();
  const std::vector<double> truth{0.03, -0.02, 0.05, 0.01, 0.1};
  auto lines = simulate(config, {.effects = truth}, 1, 3);
  lines.erase(lines.begin() + 3);
  lines.erase(lines.begin() + 8);
  auto effects = main_effects(config.factors, lines, kMetric);
  for (std::size_t i = 0; i < truth.size(); ++i)
    EXPECT_NEAR(effects[i].estimate->value, truth[i], 1e-9) << i;
  EXPECT_EQ(effects[0].estimate->freedom, 8);
  // Without any run that lacks the lateral its effect cannot be told, the others can.
  std::erase_if(lines, [](const AblationRecord& one) { return !one.levels.at("lateral"); });
  effects = main_effects(config.factors, lines, kMetric);
  EXPECT_FALSE(effects[4].estimate.has_value());
  EXPECT_NEAR(effects[2].estimate->value, 0.05, 1e-9);
}

TEST(AblationEffects, DrawsOfThePatientsArePaired) {
  // Two runs that move together with the patients by 0.1 differ by 0.02 on every draw.
  std::vector<double> draws, lower;
  CounterRandom random(3, "draws");
  for (int b = 0; b < 100; ++b) {
    draws.push_back(0.8 + 0.1 * random.normal());
    lower.push_back(draws.back() - 0.02);
  }
  const std::vector<AblationRecord> lines{line("d", "full", 0, 0.8, draws),
                                          line("d", "other", 0, 0.78, lower)};
  const auto estimate = difference(lines, "full", "other", kMetric);
  ASSERT_TRUE(estimate.has_value());
  EXPECT_NEAR(estimate->value, 0.02, 1e-12);
  EXPECT_NEAR(estimate->low, 0.02, 1e-9);
  EXPECT_NEAR(estimate->high, 0.02, 1e-9);
  EXPECT_EQ(estimate->freedom, 0);
  EXPECT_FALSE(estimate->detectable.has_value());
  EXPECT_FALSE(difference(lines, "full", "absent", kMetric).has_value());
}

TEST(AblationEffects, ADrawThatIsUndefinedInOneRunIsLeftOutOfAll) {
  std::vector<AblationRecord> lines{line("d", "full", 0, 0.8, {0.81, 0.5, 0.83}),
                                    line("d", "other", 0, 0.7, {0.71, 0.9, 0.73})};
  lines[1].metrics.at(kMetric).repeats[1] = std::nullopt;
  const auto estimate = difference(lines, "full", "other", kMetric);
  EXPECT_NEAR(estimate->low, 0.1, 1e-9);
  EXPECT_NEAR(estimate->high, 0.1, 1e-9);
}

TEST(AblationEffects, RunsOfAConfigurationGiveThePooledErrorOfADifference) {
  const std::vector<AblationRecord> lines{line("d", "a", 0, 0.80), line("d", "a", 1, 0.82),
                                          line("d", "a", 2, 0.84), line("d", "b", 0, 0.70),
                                          line("d", "b", 1, 0.72)};
  const auto estimate = difference(lines, "a", "b", kMetric);
  EXPECT_NEAR(estimate->value, 0.11, 1e-12);
  EXPECT_EQ(estimate->freedom, 3);
  const double variance = (2 * 0.0004 + 0.0002) / 3;
  EXPECT_NEAR(estimate->run_error, std::sqrt(variance * (1.0 / 3 + 1.0 / 2)), 1e-12);
}

TEST(AblationEffects, ShareOfTheCeilingIsOfWhatLiesAboveChance) {
  std::vector<AblationRecord> lines{line("d", "full", 0, 0.8, {0.8, 0.74}),
                                    line("d", "true", 0, 0.9, {0.9, 0.8})};
  lines[1].metrics["supervised/both/all"] = lines[1].metrics.at(kMetric);
  const auto share = share_of_ceiling(lines, {"full", kMetric, "true", "supervised/both/all"});
  EXPECT_NEAR(share->value, 0.75, 1e-12);
  EXPECT_NEAR(share->high, 0.80, 0.002);  // of the second draw
  lines[1].metrics["supervised/both/all"].value = 0.5;
  EXPECT_FALSE(
      share_of_ceiling(lines, {"full", kMetric, "true", "supervised/both/all"}).has_value());
}

TEST(AblationMetrics, UsedIsBothAndWithoutItTheFrontal) {
  AblationRecord record = line("d", "full", 0, 0.8);
  record.metrics["zero_shot/frontal/all"] = {0.6, {}};
  EXPECT_EQ(find_metric(record, "zero_shot/used/all")->value, 0.8);
  record.metrics.erase(kMetric);
  EXPECT_EQ(find_metric(record, "zero_shot/used/all")->value, 0.6);
  EXPECT_EQ(find_metric(record, "retrieval/used"), nullptr);
  for (const std::string& metric : headline_metrics()) EXPECT_FALSE(metric_title(metric).empty());
}

}  // namespace
}  // namespace biplane
