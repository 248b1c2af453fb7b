#include "biplane/tasks/ablation_levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"

namespace biplane {
namespace {

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kUsage, what); }

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

}  // namespace

bool has_levels(const AblationDesign& design) {
  return design.kind == "factorial" || design.kind == "fraction";
}

const AblationDesign* find_design(const AblationConfig& config, const std::string& name) {
  const auto found =
      std::find_if(config.designs.begin(), config.designs.end(),
                   [&](const AblationDesign& design) { return design.name == name; });
  return found == config.designs.end() ? nullptr : &*found;
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

}  // namespace biplane
