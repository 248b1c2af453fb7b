#include "biplane/core/error.h"

#include "biplane/core/nearest_name.h"

namespace biplane {

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates,
                         std::string_view otherwise) {
  const std::optional<std::string> nearest = nearest_name(name, candidates);
  return nearest ? "; did you mean '" + *nearest + "'?" : std::string(otherwise);
}

}  // namespace biplane
