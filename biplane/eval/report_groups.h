#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/eval/evaluator.h"

namespace biplane {

// What decides whether two reports are the same: lower case (ASCII), every run of blanks one space,
// none at the ends.
std::string normalised_report(const std::string& text);

// Of each of these rows of the features the number of its normalised report, from 0 in the order in
// which they first occur.
std::vector<std::int64_t> report_groups(const EvaluationInput& input,
                                        const std::vector<std::int64_t>& rows);

}  // namespace biplane
