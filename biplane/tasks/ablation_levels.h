#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_config.h"

namespace biplane {

// Whether its runs are levels of factors: kinds factorial and fraction.
bool has_levels(const AblationDesign& design);

// The design of that name; null where there is none.
const AblationDesign* find_design(const AblationConfig& config, const std::string& name);

// A generator: the factor `made` is the product of the others.
struct Generator {
  std::size_t made = 0;
  std::vector<std::size_t> of;
};

// Generators of a design of `count` factors. Throws Error kUsage naming design and generator.
std::vector<Generator> parse_generators(const AblationDesign& design, std::size_t count);

// Factors of a design, in its order.
std::vector<AblationFactor> factors_of(const AblationConfig& config, const AblationDesign& design);

// Levels of every run of a factorial or fraction, in standard order (the first factor changes
// fastest).
std::vector<std::map<std::string, bool>> factor_levels(const AblationConfig& config,
                                                       const AblationDesign& design);

// Treatment combination in the usual notation: the letters of the factors that are on, "one" where
// none is.
std::string treatment_name(const std::vector<AblationFactor>& factors,
                           const std::map<std::string, bool>& levels);

}  // namespace biplane
