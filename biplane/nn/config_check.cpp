#include "biplane/nn/config_check.h"

#include "biplane/core/error.h"

namespace biplane {

void require_config(bool holds, const std::string& key, const std::string& problem) {
  if (!holds) throw Error(ErrorKind::kUsage, key + ": " + problem);
}

void require_size(std::int64_t value, const std::string& key, std::int64_t most) {
  require_config(value >= 1, key, std::to_string(value) + " is not positive");
  require_config(value <= most, key,
                 std::to_string(value) + " is more than " + std::to_string(most));
}

void require_heads(std::int64_t heads, std::int64_t width, const std::string& key) {
  require_size(heads, key, kMostSize);
  require_config(width % heads == 0, key,
                 std::to_string(heads) + " does not divide the width " + std::to_string(width));
}

void require_mlp(double ratio, std::int64_t width, const std::string& key) {
  require_config(ratio * static_cast<double>(width) >= 1.0, key, "leaves no hidden unit");
  require_config(ratio <= kMostMlpRatio, key,
                 "is more than " + std::to_string(static_cast<std::int64_t>(kMostMlpRatio)));
}

}  // namespace biplane
