#include "biplane/tasks/ablation_design.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "biplane/tasks/ablation_effects.h"
#include "biplane/tasks/ablation_levels.h"
#include "biplane/tasks/ablation_metrics.h"

namespace biplane {
namespace {

constexpr double kSameMinutes = 0.05;  // runs that take as long up to this share are not repeated
constexpr const char* kFull = "full";

// Settings of factors at their levels.
std::vector<std::string> level_settings(const AblationConfig& config,
                                        const std::vector<AblationFactor>& factors,
                                        const std::map<std::string, bool>& levels) {
  std::vector<std::string> set = config.set;
  const auto is_on = [&](const std::string& name) {
    const auto found = levels.find(name);
    return found == levels.end() || found->second;
  };
  for (const AblationFactor& factor : factors) {
    const bool on = is_on(factor.name) && (factor.needs.empty() || is_on(factor.needs));
    const std::vector<std::string>& settings = on ? factor.on : factor.off;
    set.insert(set.end(), settings.begin(), settings.end());
  }
  return set;
}

void finish(const AblationConfig& config, PlannedRun& run) {
  if (config.steps > 0) run.set.push_back("train.steps=" + std::to_string(config.steps));
  run.set.push_back("seed=" + std::to_string(run.seed));
}

std::vector<PlannedRun> plan_levels(const AblationConfig& config, const AblationDesign& design) {
  const std::vector<AblationFactor> factors = factors_of(config, design);
  const std::vector<std::map<std::string, bool>> levels = factor_levels(config, design);
  std::vector<PlannedRun> runs;
  for (std::int64_t repeat = 0; repeat < design.seeds; ++repeat) {
    for (std::size_t i = 0; i < levels.size(); ++i) {
      PlannedRun run;
      run.design = design.name;
      run.run = treatment_name(factors, levels[i]);
      run.levels = levels[i];
      run.seed = repeat * static_cast<std::int64_t>(levels.size()) + static_cast<std::int64_t>(i);
      run.set = level_settings(config, factors, levels[i]);
      finish(config, run);
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

// The configurations of a list or one_off, without seeds; `factors`: those that are switched off.
std::vector<PlannedRun> configurations(const AblationConfig& config, const AblationDesign& design,
                                       const std::vector<AblationFactor>& factors) {
  std::vector<PlannedRun> runs;
  if (design.kind == "list") {
    for (const AblationRun& one : design.runs) {
      PlannedRun run;
      run.run = one.name;
      run.config = one.config;
      run.set = config.set;
      run.set.insert(run.set.end(), one.set.begin(), one.set.end());
      runs.push_back(std::move(run));
    }
    return runs;
  }
  PlannedRun full;
  full.run = kFull;
  full.set = level_settings(config, config.factors, {});
  runs.push_back(full);
  for (const AblationFactor& factor : factors) {
    PlannedRun run;
    run.run = "no_" + factor.name;
    run.set = level_settings(config, config.factors, {{factor.name, false}});
    runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<PlannedRun> with_seeds(const AblationConfig& config, const AblationDesign& design,
                                   const std::vector<PlannedRun>& configurations) {
  std::vector<PlannedRun> runs;
  for (std::int64_t seed = 0; seed < design.seeds; ++seed) {
    for (PlannedRun run : configurations) {
      run.design = design.name;
      run.seed = seed;
      finish(config, run);
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

PlannedRun waiting(const AblationDesign& design, const std::string& what) {
  PlannedRun run;
  run.design = design.name;
  run.run = "?";
  run.waits_for = what;
  return run;
}

// Factors of the design without a clear effect in the factorial that it names.
std::optional<std::vector<AblationFactor>> undecided(const AblationConfig& config,
                                                     const AblationDesign& design,
                                                     std::span<const AblationRecord> records) {
  std::vector<AblationFactor> factors = factors_of(config, design);
  if (design.undecided_in.empty()) return factors;
  const AblationDesign& before = *find_design(config, design.undecided_in);
  const std::vector<AblationRecord> lines = lines_of(records, before.name);
  if (lines.size() < plan_levels(config, before).size()) return std::nullopt;
  std::set<std::string> open;
  for (const std::string& metric : headline_metrics()) {
    if (!metric.starts_with("zero_shot/used/")) continue;
    for (const FactorEffect& effect : main_effects(factors_of(config, before), lines, metric)) {
      if (!effect.estimate || effect.estimate->touches(0)) open.insert(effect.factors.front());
    }
  }
  std::erase_if(factors, [&](const auto& factor) { return !open.contains(factor.name); });
  return factors;
}

// Steps of each run of `of` that fill the minutes of its first run.
std::vector<PlannedRun> plan_minutes(const AblationConfig& config, const AblationDesign& design,
                                     std::span<const AblationRecord> records) {
  const std::vector<PlannedRun> before = [&] {
    std::vector<PlannedRun> runs;
    for (PlannedRun& run : plan_runs(config, records)) {
      if (run.design == design.of) runs.push_back(std::move(run));
    }
    return runs;
  }();
  const std::vector<AblationRecord> lines = lines_of(records, design.of);
  if (before.empty()) return {};
  const auto line_of = [&](const PlannedRun& run) {
    return std::find_if(lines.begin(), lines.end(), [&](const AblationRecord& one) {
      return one.run == run.run && one.seed == run.seed;
    });
  };
  const bool done = std::all_of(before.begin(), before.end(),
                                [&](const PlannedRun& run) { return line_of(run) != lines.end(); });
  if (!done) return {waiting(design, design.of)};
  if (const std::set<std::string> devices = devices_of(lines); devices.size() > 1) {
    return {
        waiting(design, fmt::format("{} on one device instead of {}", design.of, listed(devices)))};
  }
  const double slow = fastest_step(lines, before.front().run);
  std::vector<PlannedRun> runs;
  for (const PlannedRun& run : before) {
    const double factor = slow / fastest_step(lines, run.run);
    if (run.seed >= design.seeds || std::abs(factor - 1) <= kSameMinutes) continue;
    runs.push_back(run);
    runs.back().design = design.name;
    const auto steps = static_cast<double>(line_of(run)->steps);
    runs.back().set.push_back(fmt::format("train.steps={}", std::llround(factor * steps)));
  }
  return runs;
}

}  // namespace

std::string PlannedRun::name() const { return ablation_run_name(design, run, seed); }

std::vector<PlannedRun> plan_runs(const AblationConfig& config,
                                  std::span<const AblationRecord> records) {
  std::vector<PlannedRun> runs;
  for (const AblationDesign& design : config.designs) {
    std::vector<PlannedRun> some;
    if (has_levels(design)) {
      some = plan_levels(config, design);
    } else if (design.kind == "equal_minutes") {
      AblationConfig before = config;  // the designs up to here: those it may stand on
      before.designs.resize(static_cast<std::size_t>(&design - config.designs.data()));
      some = plan_minutes(before, design, records);
    } else if (const auto factors = undecided(config, design, records)) {
      // Where everything is decided there is nothing that full would be compared with.
      if (design.kind == "list" || !factors->empty())
        some = with_seeds(config, design, configurations(config, design, *factors));
    } else {
      some = {waiting(design, design.undecided_in)};
    }
    runs.insert(runs.end(), some.begin(), some.end());
  }
  return runs;
}

}  // namespace biplane
