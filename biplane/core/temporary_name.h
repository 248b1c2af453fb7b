#pragma once

#include <filesystem>

namespace biplane {

// A name in the folder of `path` for what is to become that file: hidden, with ".tmp-" in it, and
// given to no other process of any machine and not twice.
std::filesystem::path temporary_beside(const std::filesystem::path& path);

}  // namespace biplane
