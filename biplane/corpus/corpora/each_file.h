#pragma once

#include <filesystem>
#include <functional>

namespace biplane {

// Calls use(path) for all files under a folder, in the order of the alphabet, until it says false.
// Links are followed, each folder is entered once; `without`: a folder that is not.
void each_file(const std::filesystem::path& root, const std::filesystem::path& without,
               const std::function<bool(const std::filesystem::path&)>& use);

}  // namespace biplane
