#pragma once

#include <string>
#include <vector>

#include "biplane/core/config.h"

namespace biplane {

// A key that a configuration gives a value.
struct GivenKey {
  std::string key;     // with dots
  std::string source;  // the file, or "--set a.b=c"
};

// All of them, in the order of the file; those of an extended file and of --set behind its own.
std::vector<GivenKey> given_keys(const ConfigTree& tree);

}  // namespace biplane
