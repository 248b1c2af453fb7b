#pragma once

#include <filesystem>
#include <functional>

namespace biplane {

// Writes a folder as a whole: `fill` gets an empty folder of another name beside it, which is moved
// into place when it is done; an older folder there is replaced. What is there, is not an empty
// folder and is not `ours` is somebody else's: Error kUsage. Throws Error kIo, and whatever `fill`
// throws; then the old folder stands as it was.
void write_folder(const std::filesystem::path& folder,
                  const std::function<bool(const std::filesystem::path&)>& ours,
                  const std::function<void(const std::filesystem::path&)>& fill);

}  // namespace biplane
