#include "biplane/core/output_place.h"

namespace biplane {

namespace fs = std::filesystem;

OutputPlace output_place(const fs::path& named) {
  constexpr int kMostLinks = 40;  // as many as the kernel follows
  std::error_code error;
  const fs::file_status status = fs::status(named, error);
  // Links of /proc to a pipe name no path, so these are opened by the name they were given.
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))
    return {named, true};
  fs::path path = named;
  for (int i = 0; i < kMostLinks && fs::is_symlink(fs::symlink_status(path, error)); ++i)
    path = path.parent_path() / fs::read_symlink(path);
  return {path, false};
}

}  // namespace biplane
