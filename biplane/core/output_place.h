#pragma once

#include <filesystem>

namespace biplane {

// Where an output that the user named is put. `path`: with links followed, so that a link keeps
// pointing and what it points to is replaced. `in_place`: it is a device or a pipe, which must be
// written to and never be replaced by a file.
struct OutputPlace {
  std::filesystem::path path;
  bool in_place = false;
};

OutputPlace output_place(const std::filesystem::path& named);

}  // namespace biplane
