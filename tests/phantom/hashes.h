#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "biplane/core/sha256.h"

namespace biplane::testing {

// SHA-256 of every file under a folder.
inline std::map<std::string, std::string> hashes(const std::filesystem::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      out[std::filesystem::relative(entry.path(), folder).string()] = sha256_file(entry.path());
  return out;
}

}  // namespace biplane::testing
