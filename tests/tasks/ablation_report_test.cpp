#include "biplane/tasks/ablation_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/tasks/ablation_text.h"
#include "tests/tasks/small_ablation.h"

namespace biplane {
namespace {

using testing::five_factors;
using ::testing::HasSubstr;
using testing::kMetric;
using testing::line;
using ::testing::Not;
using testing::simulate;

// The factorial, a list with a supervised run, and its repeat on equal minutes.
AblationConfig whole_config() {
  AblationConfig config = five_factors();
  AblationDesign list;
  list.name = "list";
  list.runs = {{"full", "", {}}, {"clip<", "", {}}, {"labels", "", {}}};
  AblationDesign minutes;
  minutes.name = "minutes";
  minutes.kind = "equal_minutes";
  minutes.of = "list";
  config.designs.insert(config.designs.end(), {list, minutes});
  return config;
}

std::vector<AblationRecord> list_lines() {
  std::vector<AblationRecord> lines{line("list", "full", 0, 0.9, {0.91, 0.89}),
                                    line("list", "clip<", 0, 0.8, {0.81, 0.79}),
                                    line("list", "labels", 0, 0.95, {0.95, 0.95})};
  lines[1].train_seconds = 25;
  lines[0].findings["both"]["nodule"] = 0.7;
  AblationRecord& labels = lines[2];
  labels.metrics["supervised/both/all"] = labels.metrics.at(kMetric);
  labels.metrics.erase(kMetric);
  labels.findings["supervised"]["nodule"] = 0.9;
  return lines;
}

std::string row_of(const std::string& markdown, const std::string& start) {
  const std::size_t begin = markdown.find("| " + start + " |");
  return begin == std::string::npos ? ""
                                    : markdown.substr(begin, markdown.find('\n', begin) - begin);
}

TEST(AblationReport, TablesNameEffectsDifferencesAndTheShareOfTheCeiling) {
  const AblationConfig config = whole_config();
  auto lines = simulate(config, {.effects = {0.03, 0, 0, 0, 0.1}}, 1, 2);
  for (const AblationRecord& one : list_lines()) lines.push_back(one);
  lines.push_back(line("minutes", "clip<", 0, 0.85, {0.86, 0.84}));
  const AblationReport report = make_ablation_report(config, lines);
  const std::string markdown = ablation_markdown(report, "ablation.svg");
  EXPECT_THAT(markdown, HasSubstr("![Effects and differences"));
  EXPECT_THAT(markdown, HasSubstr("Aliases: I = ABCDE; A = BCDE; "));
  EXPECT_THAT(markdown, HasSubstr("C alignment (where lateral is on"));
  EXPECT_THAT(row_of(markdown, "AUROC, all findings (both)"),
              HasSubstr("| **+0.030** [+0.030, +0.030] | "));
  EXPECT_THAT(markdown, HasSubstr("## Compared with full: list"));
  const std::string list = markdown.substr(markdown.find("## Compared with full: list"));
  EXPECT_THAT(list, HasSubstr("| figure | full | less clip< | less labels |"));
  EXPECT_THAT(row_of(list, "AUROC, all findings (both)"),
              HasSubstr("**+0.100** [+0.100, +0.100] (p)"));
  const std::string minutes = markdown.substr(markdown.find("## Compared with full: minutes"));
  EXPECT_THAT(row_of(minutes, "AUROC, all findings (both)"),
              HasSubstr("**+0.050** [+0.050, +0.050] (p)"));
  EXPECT_THAT(row_of(markdown, "nodule"), HasSubstr("| 0.900 | 0.700 | 0.50 |"));
  EXPECT_THAT(markdown, Not(HasSubstr("Not done yet")));
}

TEST(AblationReport, AnIntervalOverPatientsAloneIsMarked) {
  Estimate estimate;
  estimate.value = 0.03;
  estimate.low = 0.01;
  estimate.high = 0.05;
  EXPECT_EQ(effect_text(estimate), "**+0.030** [+0.010, +0.050] (p)");
  estimate.freedom = 2;
  EXPECT_EQ(effect_text(estimate), "**+0.030** [+0.010, +0.050]");
}

TEST(AblationReport, PartialResultsSayWhatIsMissing) {
  const AblationConfig config = whole_config();
  auto lines = simulate(config, {.effects = {0.03, 0, 0, 0, 0.1}}, 1, 2);
  lines.resize(12);
  lines.push_back(list_lines().front());
  const std::string markdown = ablation_markdown(make_ablation_report(config, lines), "a.svg");
  EXPECT_THAT(markdown, Not(HasSubstr(" (p) |")));
  EXPECT_THAT(markdown, HasSubstr("Not done yet: half, 4 of 16 ("));
  EXPECT_THAT(markdown, HasSubstr("abcde seed 15"));
  EXPECT_THAT(markdown, HasSubstr("list, 2 of 3 (clip< seed 0, labels seed 0)"));
  EXPECT_THAT(markdown, HasSubstr("minutes, 1 of 1 (known when list is done)"));
  EXPECT_THAT(markdown, HasSubstr("from 12 runs"));
  EXPECT_THROW(make_ablation_report(config, {}), Error);
}

TEST(AblationReport, TimesOfDifferentDevicesStandInRowsOfTheirOwn) {
  const AblationConfig config = whole_config();
  auto lines = list_lines();
  lines.push_back(line("list", "full", 1, 0.9, {0.9, 0.9}));
  lines.back().train_seconds = 5;
  lines.back().device = "cuda";
  const std::string mixed = ablation_markdown(make_ablation_report(config, lines), "a.svg");
  EXPECT_THAT(mixed, HasSubstr("| list | full | cpu | 1 | 100 | 0.8 | 2.00 |"));
  EXPECT_THAT(mixed, HasSubstr("| list | full | cuda | 1 | 100 | 0.1 | 20.00 |"));
  EXPECT_THAT(mixed, HasSubstr("minutes, 1 of 1 (known when list on one device instead of "
                               "cpu, cuda is done)"));
  lines.pop_back();
  lines.push_back(line("minutes", "clip<", 0, 0.85, {0.86, 0.84}));
  EXPECT_THAT(ablation_markdown(make_ablation_report(config, lines), "a.svg"),
              Not(HasSubstr("Not the same minutes")));
  lines.back().device = "cuda";
  EXPECT_THAT(ablation_markdown(make_ablation_report(config, lines), "a.svg"),
              HasSubstr("**Not the same minutes**: the runs are of cpu, cuda."));
}

TEST(AblationReport, RunsOnOtherStudiesAreRefused) {
  auto lines = list_lines();
  lines[1].manifest_sha256 = "other";
  try {
    make_ablation_report(whole_config(), lines);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("list/clip</seed-0"));
  }
}

TEST(AblationReport, TheFigureDrawsEveryIntervalAndEscapesNames) {
  const auto lines = list_lines();
  const std::string svg = forest_svg(make_ablation_report(whole_config(), lines).figure);
  EXPECT_THAT(svg, HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_THAT(svg, HasSubstr(">clip&lt;</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("labels</text>")));
  EXPECT_THAT(svg, HasSubstr("circle class=\"f\""));  // 0 is outside
  EXPECT_THAT(svg, Not(HasSubstr("circle class=\"h\"")));
  EXPECT_THAT(svg, HasSubstr("no figure"));  // the lists have one metric only
  auto alike = lines;
  alike[1].metrics.at(kMetric) = {0.9, {0.92, 0.88}};
  EXPECT_THAT(forest_svg(make_ablation_report(whole_config(), alike).figure),
              HasSubstr("circle class=\"h\""));
}

}  // namespace
}  // namespace biplane
