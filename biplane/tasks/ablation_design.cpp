#include "biplane/tasks/ablation_design.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/tasks/ablation_effects.h"
#include "biplane/tasks/ablation_metrics.h"

namespace biplane {
namespace {

constexpr std::size_t kMostFactors = 16;
constexpr double kSameMinutes = 0.05;  // runs that take as long up to this share are not repeated
constexpr const char* kFull = "full";

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kUsage, what); }

bool has_levels(const AblationDesign& design) {
  return design.kind == "factorial" || design.kind == "fraction";
}

const AblationDesign* find_design(const AblationConfig& config, const std::string& name) {
  const auto found =
      std::find_if(config.designs.begin(), config.designs.end(),
                   [&](const AblationDesign& design) { return design.name == name; });
  return found == config.designs.end() ? nullptr : &*found;
}

// A generator: the last factor is the product of the others.
struct Generator {
  std::size_t made = 0;
  std::vector<std::size_t> of;
};

// "E=ABCD" for `count` factors.
Generator parse_generator(const std::string& design, const std::string& text, std::size_t count) {
  const auto wrong = [&] {
    fail(
        fmt::format("designs: {}: generator '{}': a letter, =, and letters of other factors are "
                    "needed (A to {})",
                    design, text, static_cast<char>('A' + static_cast<int>(count) - 1)));
  };
  if (text.size() < 4 || text[1] != '=') wrong();
  Generator generator;
  std::set<std::size_t> seen;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 1) continue;
    const auto factor = static_cast<std::size_t>(text[i] - 'A');
    if (text[i] < 'A' || factor >= count || !seen.insert(factor).second) wrong();
    if (i == 0) {
      generator.made = factor;
    } else {
      generator.of.push_back(factor);
    }
  }
  return generator;
}

std::vector<Generator> parse_generators(const AblationDesign& design, std::size_t count) {
  std::vector<Generator> generators;
  std::set<std::size_t> made;
  for (const std::string& text : design.generators) {
    generators.push_back(parse_generator(design.name, text, count));
    if (!made.insert(generators.back().made).second)
      fail("designs: " + design.name + ": two generators make the same factor");
  }
  for (const Generator& generator : generators) {
    for (const std::size_t factor : generator.of) {
      if (made.contains(factor))
        fail("designs: " + design.name + ": a generator uses a factor that another one makes");
    }
  }
  return generators;
}

void check_name(const std::string& what, const std::string& name) {
  const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (!good) fail(what + ": name '" + name + "': small letters, digits, _ and - are needed");
}

void check_factors(const AblationConfig& config) {
  std::vector<std::string> names;
  for (const AblationFactor& factor : config.factors) {
    check_name("factors", factor.name);
    if (std::find(names.begin(), names.end(), factor.name) != names.end())
      fail("factors: " + factor.name + " is there twice");
    if (factor.on == factor.off)
      fail("factors: " + factor.name + ": on and off have the same settings");
    names.push_back(factor.name);
  }
  for (const AblationFactor& factor : config.factors) {
    if (factor.needs.empty()) continue;
    if (factor.needs == factor.name ||
        std::find(names.begin(), names.end(), factor.needs) == names.end())
      fail("factors: " + factor.name + ": needs '" + factor.needs + "', which is no other factor" +
           did_you_mean(factor.needs, names));
  }
}

void check_kind(const AblationConfig& config, const AblationDesign& design) {
  const std::string where = "designs: " + design.name + ": ";
  const std::vector<std::string> kinds{"factorial", "fraction", "one_off", "list", "equal_minutes"};
  if (std::find(kinds.begin(), kinds.end(), design.kind) == kinds.end())
    fail(where + "kind '" + design.kind +
         "': must be factorial, fraction, one_off, list or equal_minutes");
  const std::size_t factors = factors_of(config, design).size();
  if ((has_levels(design) || design.kind == "one_off") && (factors < 1 || factors > kMostFactors))
    fail(fmt::format("{}{} factors: 1 to {} are needed", where, factors, kMostFactors));
  if ((design.kind == "fraction") == design.generators.empty())
    fail(where + "generators belong to kind fraction and only there");
  parse_generators(design, factors);
  if ((design.kind == "list") == design.runs.empty())
    fail(where + "runs belong to kind list and only there");
  if ((design.kind == "equal_minutes") == design.of.empty())
    fail(where + "of belongs to kind equal_minutes and only there");
  if (!design.undecided_in.empty() && design.kind != "one_off")
    fail(where + "undecided_in belongs to kind one_off");
  if (design.seeds < 1) fail(fmt::format("{}seeds = {}: 1 or more", where, design.seeds));
}

// The design that `key` names must stand before and be of one of the kinds.
void check_reference(const AblationConfig& config, const AblationDesign& design,
                     const std::string& name, bool levels) {
  if (name.empty()) return;
  const AblationDesign* other = find_design(config, name);
  const bool fits = other != nullptr && other < &design && other->kind != "equal_minutes" &&
                    has_levels(*other) == levels;
  if (!fits)
    fail(fmt::format("designs: {}: '{}' is no {} design that stands before it", design.name, name,
                     levels ? "factorial or fraction" : "one_off or list"));
}

void check_runs(const AblationDesign& design) {
  std::set<std::string> names;
  for (const AblationRun& run : design.runs) {
    check_name("designs: " + design.name + ": runs", run.name);
    if (!names.insert(run.name).second)
      fail("designs: " + design.name + ": run " + run.name + " is there twice");
  }
}

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
  const auto seconds_per_step = [&](const std::string& run) {
    double seconds = 0, steps = 0;
    for (const AblationRecord& line : lines) {
      if (line.run != run) continue;
      seconds += line.train_seconds;
      steps += static_cast<double>(line.steps);
    }
    return seconds / steps;
  };
  const double slow = seconds_per_step(before.front().run);
  std::vector<PlannedRun> runs;
  for (const PlannedRun& run : before) {
    const double factor = slow / seconds_per_step(run.run);
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

std::vector<AblationFactor> factors_of(const AblationConfig& config, const AblationDesign& design) {
  if (design.factors.empty()) return config.factors;
  std::vector<AblationFactor> factors;
  std::vector<std::string> names;
  for (const AblationFactor& factor : config.factors) names.push_back(factor.name);
  for (const std::string& name : design.factors) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      fail("designs: " + design.name + ": '" + name + "' is no factor" + did_you_mean(name, names));
    factors.push_back(config.factors[static_cast<std::size_t>(found - names.begin())]);
  }
  return factors;
}

std::vector<std::map<std::string, bool>> factor_levels(const AblationConfig& config,
                                                       const AblationDesign& design) {
  const std::vector<AblationFactor> factors = factors_of(config, design);
  const std::vector<Generator> generators = parse_generators(design, factors.size());
  std::vector<std::size_t> basic;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const bool made = std::any_of(generators.begin(), generators.end(),
                                  [i](const Generator& one) { return one.made == i; });
    if (!made) basic.push_back(i);
  }
  std::vector<std::map<std::string, bool>> runs;
  for (std::size_t number = 0; number < std::size_t{1} << basic.size(); ++number) {
    std::vector<bool> on(factors.size(), false);
    for (std::size_t i = 0; i < basic.size(); ++i) on[basic[i]] = (number >> i & 1U) != 0;
    for (const Generator& generator : generators) {
      // The product of signs: on where an even number of the others is off.
      const auto off = std::count_if(generator.of.begin(), generator.of.end(),
                                     [&](std::size_t factor) { return !on[factor]; });
      on[generator.made] = off % 2 == 0;
    }
    std::map<std::string, bool> levels;
    for (std::size_t i = 0; i < factors.size(); ++i) levels[factors[i].name] = on[i];
    runs.push_back(std::move(levels));
  }
  return runs;
}

std::string treatment_name(const std::vector<AblationFactor>& factors,
                           const std::map<std::string, bool>& levels) {
  std::string name;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (levels.at(factors[i].name)) name += static_cast<char>('a' + static_cast<int>(i));
  }
  return name.empty() ? "one" : name;
}

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

void check_ablation(const AblationConfig& config) {
  if (config.base.empty()) fail("base: the configuration that every run stands on is missing");
  if (config.steps < 0) fail(fmt::format("steps = {}: 0 or more is needed", config.steps));
  if (config.pool < 2) fail(fmt::format("pool = {}: 2 or more is needed", config.pool));
  if (config.replicates < 2)
    fail(fmt::format("replicates = {}: 2 or more are needed", config.replicates));
  if (config.designs.empty()) fail("designs: none is given");
  check_factors(config);
  std::set<std::string> names;
  for (const AblationDesign& design : config.designs) {
    check_name("designs", design.name);
    if (!names.insert(design.name).second) fail("designs: " + design.name + " is there twice");
    check_kind(config, design);
    check_runs(design);
    check_reference(config, design, design.of, false);
    check_reference(config, design, design.undecided_in, true);
  }
}

}  // namespace biplane
