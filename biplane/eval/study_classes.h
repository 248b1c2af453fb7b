#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "biplane/eval/evaluator.h"

namespace biplane {

// The class of every study (place in input.prompts->classes), where every study shows exactly one
// of the findings that the prompts know and at least two of them occur, as in CheXpert 5x200 and
// COVIDx. Nothing elsewhere.
std::optional<std::vector<std::int64_t>> exclusive_classes(const EvaluationInput& input);

// Studies of one number show the same set of findings; -1 where a label is uncertain or none is
// known.
std::vector<std::int64_t> finding_sets(const EvaluationInput& input);

}  // namespace biplane
