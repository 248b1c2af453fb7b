#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_config.h"

namespace biplane {

// A product of factors, by their numbers; empty: the constant.
using FactorTerm = std::vector<std::size_t>;

// Product of the factors' signs in a run with these levels: 1 on, -1 off, 0 where the factor that
// one needs is off. A factor without a level is on.
double term_sign(const std::vector<AblationFactor>& factors, const FactorTerm& term,
                 const std::map<std::string, bool>& levels);

// Terms that a design with these levels cannot tell from `term`: every other one whose column is
// the same or the opposite.
std::vector<FactorTerm> aliases_of(const std::vector<AblationFactor>& factors,
                                   const std::vector<std::map<std::string, bool>>& levels,
                                   const FactorTerm& term);

// "ABE"; "I" for the constant.
std::string term_letters(const FactorTerm& term);

}  // namespace biplane
