#pragma once

#include <string>
#include <vector>

namespace biplane {

// Throws Error kUsage naming key, value and the nearest of the allowed values unless it is one.
void require_one_of(const std::string& key, const std::string& value,
                    const std::vector<std::string>& allowed);

}  // namespace biplane
