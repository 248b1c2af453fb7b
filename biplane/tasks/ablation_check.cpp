#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"
#include "biplane/tasks/ablation_levels.h"

namespace biplane {
namespace {

constexpr std::size_t kMostFactors = 16;

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kUsage, what); }

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

}  // namespace

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
