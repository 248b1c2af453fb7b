#include "biplane/tasks/ablation_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"
#include "biplane/eval/report_html.h"
#include "biplane/tasks/ablation_comparison.h"
#include "biplane/tasks/ablation_design.h"
#include "biplane/tasks/ablation_effects.h"
#include "biplane/tasks/ablation_levels.h"
#include "biplane/tasks/ablation_metrics.h"
#include "biplane/tasks/ablation_terms.h"
#include "biplane/tasks/ablation_text.h"

namespace biplane {
namespace {

using Lines = std::vector<AblationRecord>;
using Row = std::vector<std::string>;

// What the figure and the interactions show.
const std::vector<std::string>& main_metrics() {
  static const std::vector<std::string> kMain = {"zero_shot/used/all", "zero_shot/used/in_frontal",
                                                 "zero_shot/used/lateral_only", "retrieval/used"};
  return kMain;
}

// Seconds of different devices do not compare, so each device has a row.
void add_times(const std::string& design, const Lines& lines, AblationSection& section) {
  for (const std::string& run : runs_of(lines)) {
    for (const std::string& device : devices_of(lines)) {
      Lines own;
      for (const AblationRecord& line : lines) {
        if (line.run == run && line.device == device) own.push_back(line);
      }
      if (own.empty()) continue;
      const double step = fastest_step(own, run);
      const std::int64_t steps = own.front().steps;
      section.table.push_back({design, run, device, std::to_string(own.size()),
                               std::to_string(steps),
                               fmt::format("{:.1f}", step * static_cast<double>(steps) / 60),
                               fmt::format("{:.2f}", 1 / step)});
    }
  }
}

AblationSection overview(const AblationConfig& config, std::span<const AblationRecord> records) {
  std::set<std::string> data, codes;
  for (const AblationRecord& line : records) {
    data.insert(line.data);
    codes.insert(line.code);
  }
  AblationSection section;
  section.title = "What was run";
  section.lead = fmt::format(
      "{} runs on {}; {}. Tested on {} studies of {} patients. Intervals are 95 %, over runs and "
      "then patients: how they are made and what \"used\" means stands in docs/evaluation.md. "
      "Minutes and steps/s are those of a configuration's fastest run: other work on the machine "
      "slows runs. **Bold**: the interval does not hold 0. (p): it is over patients alone, for "
      "want of runs.",
      records.size(), listed(data), listed(codes), records.front().test_studies,
      records.front().test_patients);
  for (const std::string& line : missing_runs(config, records))
    section.lead += " Not done yet: " + line + ".";
  section.table.push_back(
      {"design", "run", "device", "seeds", "steps", "minutes of training", "steps/s"});
  for (const AblationDesign& design : config.designs)
    add_times(design.name, lines_of(records, design.name), section);
  return section;
}

// "I = ABCDE; A = BCDE, AB = CDE": of the constant, main effects and interactions of two.
std::string alias_text(const AblationConfig& config, const AblationDesign& design) {
  std::vector<AblationFactor> factors = factors_of(config, design);
  for (AblationFactor& factor : factors) factor.needs.clear();  // of the levels as they are planned
  const auto levels = factor_levels(config, design);
  std::vector<FactorTerm> terms{{}};
  for (std::size_t i = 0; i < factors.size(); ++i) terms.push_back({i});
  for (std::size_t i = 0; i < factors.size(); ++i) {
    for (std::size_t j = i + 1; j < factors.size(); ++j) terms.push_back({i, j});
  }
  std::string text;
  for (const FactorTerm& term : terms) {
    std::string same = term_letters(term);
    for (const FactorTerm& alias : aliases_of(factors, levels, term))
      same += " = " + term_letters(alias);
    if (same.find('=') != std::string::npos) text += (text.empty() ? "" : "; ") + same;
  }
  return text.empty() ? "No effect is aliased with another." : "Aliases: " + text + ".";
}

std::string factor_letters(const std::vector<AblationFactor>& factors) {
  std::string text;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    text += fmt::format("{}{} {}{}", i == 0 ? "" : ", ", term_letters({i}), factors[i].name,
                        factors[i].needs.empty()
                            ? ""
                            : " (where " + factors[i].needs + " is on, without which it is off)");
  }
  return text;
}

AblationSection main_section(const AblationConfig& config, const AblationDesign& design,
                             const Lines& lines) {
  const std::vector<AblationFactor> factors = factors_of(config, design);
  AblationSection section;
  section.title = "Main effects: " + design.name;
  section.lead =
      "On less off, from " + std::to_string(lines.size()) +
      " runs. Factors: " + factor_letters(factors) + ". " + alias_text(config, design) +
      " The last column is the smallest true effect that such a design finds in 80 % of cases, of "
      "the factor that is told least well.";
  section.table.push_back({"figure"});
  for (const AblationFactor& factor : factors) section.table.front().push_back(factor.name);
  section.table.front().insert(section.table.front().end(), {"runs", "detectable"});
  for (const std::string& metric : headline_metrics()) {
    if (!has_metric(lines, metric)) continue;
    Row row{metric_title(metric)};
    std::optional<double> detectable;
    std::int64_t runs = 0;
    for (const FactorEffect& effect : main_effects(factors, lines, metric)) {
      row.push_back(effect_text(effect.estimate));
      if (!effect.estimate) continue;
      runs = effect.estimate->runs;
      if (effect.estimate->detectable)
        detectable = std::max(detectable.value_or(0), *effect.estimate->detectable);
    }
    row.insert(row.end(), {std::to_string(runs), number_text(detectable)});
    section.table.push_back(std::move(row));
  }
  return section;
}

AblationSection interaction_section(const AblationConfig& config, const AblationDesign& design,
                                    const Lines& lines) {
  const std::vector<AblationFactor> factors = factors_of(config, design);
  AblationSection section;
  section.title = "Interactions: " + design.name;
  section.lead =
      "Half of what the first factor's effect is larger by where the second is on; each measured "
      "alone beside the main effects. Of so many at 95 %, one in twenty leaves out 0 by chance.";
  section.table.push_back({"factors"});
  std::vector<Row> rows;
  for (const std::string& metric : main_metrics()) {
    section.table.front().push_back(metric_title(metric));
    const std::vector<FactorEffect> effects = interaction_effects(factors, lines, metric);
    rows.resize(effects.size());
    for (std::size_t i = 0; i < effects.size(); ++i) {
      if (rows[i].empty()) rows[i].push_back(effects[i].factors[0] + " x " + effects[i].factors[1]);
      rows[i].push_back(effect_text(effects[i].estimate));
    }
  }
  section.table.insert(section.table.end(), rows.begin(), rows.end());
  return section;
}

// Lines of a design of comparisons. For equal_minutes the runs of the design it repeats that need
// no repeat, the first one among them, stand in it as they are.
Lines compared_lines(const AblationConfig& config, const AblationDesign& design,
                     std::span<const AblationRecord> records) {
  if (design.kind != "equal_minutes") return lines_of(records, design.name);
  const Lines own = lines_of(records, design.name);
  std::set<std::string> repeated;
  for (const PlannedRun& run : plan_runs(config, records)) {
    if (run.design == design.name) repeated.insert(run.run);
  }
  if (repeated.contains("?")) return {};  // what is repeated is not known yet
  Lines lines;
  for (const AblationRecord& line : lines_of(records, design.of)) {
    if (!repeated.contains(line.run)) lines.push_back(line);
  }
  lines.insert(lines.end(), own.begin(), own.end());
  return lines;
}

std::string reference_of(const AblationConfig& config, const AblationDesign& design) {
  const AblationDesign* list = &design;
  for (const AblationDesign& other : config.designs) {
    if (other.name == design.of) list = &other;
  }
  return list->kind == "list" ? list->runs.front().name : "full";
}

ForestGroup effect_group(const AblationConfig& config, const AblationDesign& design,
                         const Lines& lines) {
  ForestGroup group{design.name + ": on less off", {}};
  const std::vector<AblationFactor> factors = factors_of(config, design);
  for (const AblationFactor& factor : factors) group.rows.push_back({factor.name, {}});
  for (const std::string& metric : main_metrics()) {
    const std::vector<FactorEffect> effects = main_effects(factors, lines, metric);
    for (std::size_t i = 0; i < effects.size(); ++i)
      group.rows[i].estimates.push_back(effects[i].estimate);
  }
  return group;
}

ForestGroup difference_group(const AblationDesign& design, const Lines& lines,
                             const std::string& reference) {
  ForestGroup group{design.name + ": " + reference + " less", {}};
  for (const std::string& run : runs_of(lines)) {
    if (run == reference || run == supervised_run(lines)) continue;
    ForestRow row{run, {}};
    for (const std::string& metric : main_metrics())
      row.estimates.push_back(difference(lines, reference, run, metric));
    group.rows.push_back(std::move(row));
  }
  return group;
}

void check_same_data(std::span<const AblationRecord> records) {
  for (const AblationRecord& line : records) {
    if (line.manifest_sha256 == records.front().manifest_sha256) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("{} and {} were tested on other studies (manifest_sha256), so that "
                            "their patients cannot be paired",
                            line.name(), records.front().name()));
  }
}

void add_comparisons(const AblationDesign& design, const Lines& lines, const std::string& reference,
                     AblationReport& report) {
  report.sections.push_back(comparison_section(design, lines, reference));
  report.figure.groups.push_back(difference_group(design, lines, reference));
  const std::string supervised = supervised_run(lines);
  if (!supervised.empty() && design.kind != "equal_minutes")
    report.sections.push_back(ceiling_section(lines, reference, supervised));
}

}  // namespace

std::vector<std::string> missing_runs(const AblationConfig& config,
                                      std::span<const AblationRecord> records) {
  std::set<std::string> done;
  for (const AblationRecord& line : records) done.insert(line.name());
  const std::vector<PlannedRun> plan = plan_runs(config, records);
  std::vector<std::string> texts;
  for (const AblationDesign& design : config.designs) {
    std::size_t all = 0, missing = 0;
    std::string names;
    for (const PlannedRun& run : plan) {
      if (run.design != design.name) continue;
      ++all;
      if (!run.waits_for.empty()) {
        names = "known when " + run.waits_for + " is done";
      } else if (!done.contains(run.name())) {
        names += (names.empty() ? "" : ", ") + run.run + " seed " + std::to_string(run.seed);
      } else {
        continue;
      }
      ++missing;
    }
    if (missing > 0)
      texts.push_back(fmt::format("{}, {} of {} ({})", design.name, missing, all, names));
  }
  return texts;
}

AblationReport make_ablation_report(const AblationConfig& config,
                                    std::span<const AblationRecord> records) {
  if (records.empty())
    throw Error(ErrorKind::kUsage, "no run is finished yet: there is nothing to report");
  check_same_data(records);
  AblationReport report;
  report.title = "Ablation";
  report.figure.title = "Effects and differences with 95 % intervals over runs and patients";
  for (const std::string& metric : main_metrics())
    report.figure.panels.push_back(metric_title(metric));
  report.sections.push_back(overview(config, records));
  for (const AblationDesign& design : config.designs) {
    const Lines lines = compared_lines(config, design, records);
    if (lines.empty()) continue;
    if (design.kind == "factorial" || design.kind == "fraction") {
      report.sections.push_back(main_section(config, design, lines));
      report.sections.push_back(interaction_section(config, design, lines));
      report.figure.groups.push_back(effect_group(config, design, lines));
    } else {
      add_comparisons(design, lines, reference_of(config, design), report);
    }
  }
  return report;
}

}  // namespace biplane
