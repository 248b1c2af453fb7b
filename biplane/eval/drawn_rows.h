#pragma once

#include <cstdint>
#include <vector>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Places among `rows` (of the features), ascending: all, or where there are more than `most` (0 or
// more) the first by a hash of their studies' names, so that the draw is the same whatever else is
// measured.
std::vector<std::int64_t> drawn_places(const EvaluationInput& input,
                                       const std::vector<std::int64_t>& rows, std::int64_t most);

}  // namespace biplane
