#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace biplane {

// Writes a folder as a whole: `fill` gets an empty folder of another name beside it, which is moved
// into place when it is done; an older folder there is replaced. A folder that is there, is not
// empty and does not hold `mark` (a file that every folder of the kind has) is somebody else's:
// Error kUsage. Throws Error kIo, and whatever `fill` throws; then nothing is left behind.
void write_folder(const std::filesystem::path& folder, const std::string& mark,
                  const std::function<void(const std::filesystem::path&)>& fill);

}  // namespace biplane
