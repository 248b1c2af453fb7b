#pragma once

#include <cstddef>
#include <vector>

#include "biplane/formats/weight_file.h"

namespace biplane::testing {

inline std::vector<std::byte> bytes_of(const WeightFile& file, const WeightEntry& entry) {
  std::vector<std::byte> bytes(entry.bytes);
  file.read(entry, bytes);
  return bytes;
}

}  // namespace biplane::testing
