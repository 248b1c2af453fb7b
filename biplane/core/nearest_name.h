#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// The element of `candidates` with the smallest edit distance to `name`, if that distance is at
// most max(2, a third of the length of `name`).
std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates);

}  // namespace biplane
