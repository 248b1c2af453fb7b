#pragma once

#include <cstdint>
#include <string>

namespace biplane {

// Checks of the sizes of a network. Beyond these bounds a file is damaged or hostile: the largest
// published towers have a tenth of them.
constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kMostSize = 1 << 16;  // of a width, a side, a number of heads
constexpr std::int64_t kMostRows = 1 << 22;  // of a table: words, positions, prototypes
constexpr double kMostMlpRatio = 64;

// Throws Error kUsage "KEY: PROBLEM" unless it holds.
void require_config(bool holds, const std::string& key, const std::string& problem);
// The same unless the value is 1 to `most`.
void require_size(std::int64_t value, const std::string& key, std::int64_t most);
// The same unless `heads` is a size that divides the width.
void require_heads(std::int64_t heads, std::int64_t width, const std::string& key);
// The same unless a block with `ratio` times `width` hidden units has one at least and the ratio is
// at most kMostMlpRatio.
void require_mlp(double ratio, std::int64_t width, const std::string& key);

}  // namespace biplane
