#include "biplane/tasks/ablation_design.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/tasks/ablation_levels.h"
#include "biplane/tasks/ablation_terms.h"
#include "tests/tasks/small_ablation.h"

namespace biplane {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::five_factors;
using ::testing::HasSubstr;
using testing::line;
using testing::simulate;

std::string letters(const std::vector<FactorTerm>& terms) {
  std::string text;
  for (const FactorTerm& term : terms) text += term_letters(term) + " ";
  return text;
}

AblationConfig plain_factors() {
  AblationConfig config = five_factors();
  config.factors[2].needs.clear();
  return config;
}

AblationDesign list_of(const std::string& name, const std::vector<std::string>& runs,
                       std::int64_t seeds) {
  AblationDesign design;
  design.name = name;
  design.seeds = seeds;
  for (const std::string& run : runs) design.runs.push_back({run, run + ".yaml", {}});
  return design;
}

std::vector<std::string> names_of(const std::vector<PlannedRun>& plan) {
  std::vector<std::string> names;
  for (const PlannedRun& run : plan) names.push_back(run.name());
  return names;
}

std::string error_of(const std::function<void(AblationConfig&)>& change) {
  AblationConfig config = five_factors();
  change(config);
  try {
    check_ablation(config);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "none";
}

TEST(AblationDesign, HalfFractionHas16RunsWhoseFactorsAreBalancedAndOrthogonal) {
  const AblationConfig config = plain_factors();
  const std::vector<PlannedRun> plan = plan_runs(config, {});
  ASSERT_EQ(plan.size(), 16U);
  std::set<std::string> names;
  std::set<std::int64_t> seeds;
  for (const PlannedRun& run : plan) {
    names.insert(run.run);
    seeds.insert(run.seed);
    int off = 0;
    for (const auto& [factor, on] : run.levels) off += on ? 0 : 1;
    EXPECT_EQ(off % 2, 0) << run.run << ": ABCDE must be +1";
  }
  EXPECT_EQ(names.size(), 16U);
  EXPECT_EQ(seeds.size(), 16U) << "every run has a seed of its own";
  EXPECT_EQ(plan.front().run, "e");
  EXPECT_EQ(plan.back().run, "abcde");
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 5; ++j) {
      int sum = 0;
      for (const PlannedRun& run : plan) {
        const bool same =
            run.levels.at(config.factors[i].name) == run.levels.at(config.factors[j].name);
        sum += same ? 1 : -1;
      }
      EXPECT_EQ(sum, i == j ? 16 : 0) << i << j;
    }
  }
}

TEST(AblationDesign, DefiningRelationAndAliasesAreThoseOfResolutionFive) {
  const AblationConfig config = plain_factors();
  const auto levels = factor_levels(config, config.designs.front());
  EXPECT_EQ(letters(aliases_of(config.factors, levels, {})), "ABCDE ");
  EXPECT_EQ(letters(aliases_of(config.factors, levels, {0})), "BCDE ");
  EXPECT_EQ(letters(aliases_of(config.factors, levels, {4})), "ABCD ");
  EXPECT_EQ(letters(aliases_of(config.factors, levels, {0, 1})), "CDE ");
  AblationConfig quarter = config;
  quarter.designs.front().generators = {"D=AB", "E=AC"};
  const auto eight = factor_levels(quarter, quarter.designs.front());
  EXPECT_EQ(eight.size(), 8U);
  EXPECT_EQ(letters(aliases_of(config.factors, eight, {})), "ABD ACE BCDE ");
}

TEST(AblationDesign, AFactorWithoutTheOneItNeedsHasItsSettingsOfOff) {
  const AblationConfig config = five_factors();
  for (const PlannedRun& run : plan_runs(config, {})) {
    const bool on = run.levels.at("alignment") && run.levels.at("lateral");
    EXPECT_THAT(run.set, Contains(on ? "on.alignment" : "off.alignment")) << run.run;
    EXPECT_THAT(run.set, Contains("train.steps=100"));
    EXPECT_THAT(run.set, Contains("seed=" + std::to_string(run.seed)));
  }
}

TEST(AblationDesign, OneOffComparesTheWholeWithEachSwitchOffOnTheSameSeeds) {
  AblationConfig config = five_factors();
  AblationDesign design;
  design.name = "off";
  design.kind = "one_off";
  design.factors = {"masking", "lateral"};
  design.seeds = 2;
  config.designs = {design};
  const std::vector<PlannedRun> plan = plan_runs(config, {});
  EXPECT_THAT(names_of(plan),
              ElementsAre("off/full/seed-0", "off/no_masking/seed-0", "off/no_lateral/seed-0",
                          "off/full/seed-1", "off/no_masking/seed-1", "off/no_lateral/seed-1"));
  EXPECT_THAT(plan[1].set, Contains("on.keys"));  // all factors of the file, not those switched off
  EXPECT_THAT(plan[1].set, Contains("off.masking"));
  EXPECT_THAT(plan[2].set, Contains("off.lateral"));
  EXPECT_THAT(plan[2].set, Contains("off.alignment"));  // it needs the lateral
}

TEST(AblationDesign, OnlyFactorsThatTheFactorialLeavesOpenAreRepeated) {
  AblationConfig config = five_factors();
  AblationDesign design;
  design.name = "off";
  design.kind = "one_off";
  design.undecided_in = "half";
  config.designs.push_back(design);
  std::vector<AblationRecord> lines =
      simulate(config, {.effects = {0.2, 0, 0.2, 0, 0.3}, .run_noise = 0.01}, 1, 20);
  for (AblationRecord& one : lines) {
    for (const char* group : {"in_frontal", "both_views", "lateral_only"})
      one.metrics[std::string("zero_shot/both/") + group] = one.metrics.at(testing::kMetric);
  }
  const AblationRecord last = lines.back();
  lines.pop_back();
  EXPECT_EQ(plan_runs(config, lines).back().waits_for, "half");
  lines.push_back(last);
  std::vector<PlannedRun> plan = plan_runs(config, lines);
  plan.erase(plan.begin(), plan.begin() + 16);
  EXPECT_THAT(names_of(plan),
              ElementsAre("off/full/seed-0", "off/no_masking/seed-0", "off/no_prototypes/seed-0"));
}

// A list of runs with one seed each, and the same in equal minutes.
AblationConfig with_equal_minutes(const std::vector<std::string>& runs) {
  AblationConfig config = five_factors();
  AblationDesign minutes;
  minutes.name = "minutes";
  minutes.kind = "equal_minutes";
  minutes.of = "list";
  config.designs = {list_of("list", runs, 1), minutes};
  return config;
}

TEST(AblationDesign, EqualMinutesGivesFasterRunsMoreSteps) {
  const AblationConfig config = with_equal_minutes({"full", "fast", "same"});
  std::vector<AblationRecord> lines = {line("list", "full", 0, 0.8), line("list", "fast", 0, 0.7)};
  lines[1].train_seconds = 20;  // full takes 50
  EXPECT_EQ(plan_runs(config, lines).back().waits_for, "list");
  lines.push_back(line("list", "same", 0, 0.7));
  lines[2].train_seconds = 49;
  const std::vector<PlannedRun> plan = plan_runs(config, lines);
  ASSERT_EQ(plan.size(), 4U) << "as long as full within 5 %: not repeated";
  EXPECT_EQ(plan.back().name(), "minutes/fast/seed-0");
  EXPECT_EQ(plan.back().config, "fast.yaml");
  EXPECT_EQ(plan.back().set.back(), "train.steps=250");
}

TEST(AblationDesign, EqualMinutesGoesByTheFastestRunOfEachConfiguration) {
  AblationConfig config = with_equal_minutes({"full", "fast"});
  config.designs[0].seeds = 2;
  std::vector<AblationRecord> lines = {line("list", "full", 0, 0.8), line("list", "full", 1, 0.8),
                                       line("list", "fast", 0, 0.7), line("list", "fast", 1, 0.7)};
  lines[1].train_seconds = 100;  // slowed by other work; the other one takes 50
  lines[2].train_seconds = 90;
  lines[3].train_seconds = 25;
  EXPECT_EQ(plan_runs(config, lines).back().set.back(), "train.steps=200");
}

TEST(AblationDesign, EqualMinutesWaitsForItsOwnRunsAndNotForOthersLines) {
  const AblationConfig config = with_equal_minutes({"full", "fast"});
  const std::vector<AblationRecord> lines = {line("list", "full", 0, 0.8),
                                             line("list", "of_another_time", 0, 0.7)};
  EXPECT_EQ(plan_runs(config, lines).back().waits_for, "list");
}

TEST(AblationDesign, EqualMinutesNeedsLinesOfOneDevice) {
  const AblationConfig config = with_equal_minutes({"full", "fast"});
  std::vector<AblationRecord> lines = {line("list", "full", 0, 0.8), line("list", "fast", 0, 0.7)};
  lines[1].train_seconds = 20;
  lines[1].device = "cuda";
  EXPECT_EQ(plan_runs(config, lines).back().waits_for, "list on one device instead of cpu, cuda");
}

TEST(AblationDesign, ErrorsNameDesignFactorAndKey) {
  EXPECT_EQ(error_of([](AblationConfig&) {}), "none");
  EXPECT_THAT(error_of([](AblationConfig& c) { c.designs[0].generators = {"E=ABCZ"}; }),
              HasSubstr("half: generator 'E=ABCZ'"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.designs[0].generators = {"E=AE"}; }),
              HasSubstr("generator 'E=AE'"));
  EXPECT_THAT(error_of([](AblationConfig& c) {
                c.designs[0].generators = {"D=AB", "E=AD"};
              }),
              HasSubstr("a factor that another one makes"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.designs[0].kind = "half"; }),
              HasSubstr("kind 'half'"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.designs[0].factors = {"maskin"}; }),
              HasSubstr("'maskin' is no factor; did you mean 'masking'"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.factors[2].needs = "later"; }),
              HasSubstr("alignment: needs 'later'"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.factors[0].on = c.factors[0].off; }),
              HasSubstr("keys: on and off"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.designs.push_back(c.designs[0]); }),
              HasSubstr("half is there twice"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.designs[0].name = "Half/x"; }),
              HasSubstr("'Half/x'"));
  EXPECT_THAT(error_of([](AblationConfig& c) {
                c.designs.push_back(list_of("list", {"full", "full"}, 1));
              }),
              HasSubstr("list: run full is there twice"));
  EXPECT_THAT(error_of([](AblationConfig& c) {
                AblationDesign minutes;
                minutes.name = "minutes";
                minutes.kind = "equal_minutes";
                minutes.of = "half";
                c.designs.push_back(minutes);
              }),
              HasSubstr("minutes: 'half' is no one_off or list design that stands before it"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.designs[0].seeds = 0; }), HasSubstr("seeds = 0"));
  EXPECT_THAT(error_of([](AblationConfig& c) { c.base.clear(); }), HasSubstr("base"));
}

}  // namespace
}  // namespace biplane
