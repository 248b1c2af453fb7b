#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Places among `rows` (of the features), ascending: all, or where there are more than `most` (0 or
// more) the first by a hash of their studies' names, so that the draw is the same whatever else is
// measured.
std::vector<std::int64_t> drawn_places(const EvaluationInput& input,
                                       const std::vector<std::int64_t>& rows, std::int64_t most);

// What a row says of studies of which not all were drawn to search; else empty.
std::string drawn_note(std::size_t drawn, std::size_t all);

}  // namespace biplane
