#include "biplane/core/folder.h"

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// Moves a finished folder to its place; what was there goes when the new one stands.
void move_into_place(const fs::path& finished, const fs::path& folder) {
  const fs::path old = finished.string() + "-old";
  std::error_code ignored;
  try {
    fs::remove_all(old);
    const bool replaces = fs::exists(folder);
    if (replaces) fs::rename(folder, old);
    try {
      fs::rename(finished, folder);
    } catch (const fs::filesystem_error&) {
      if (replaces) fs::rename(old, folder, ignored);
      throw;
    }
    fs::remove_all(old, ignored);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kIo, folder.string() + ": cannot be written: " + error.code().message());
  }
}

}  // namespace

void write_folder(const fs::path& folder, const std::function<bool(const fs::path&)>& ours,
                  const std::function<void(const fs::path&)>& fill) {
  const bool free = !fs::exists(folder) || (fs::is_directory(folder) && fs::is_empty(folder));
  if (!free && !(fs::is_directory(folder) && ours(folder)))
    throw Error(ErrorKind::kUsage,
                folder.string() +
                    ": is there already and was not written by this command; choose "
                    "another folder or remove it");
  fs::path place = fs::absolute(folder).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();  // "out/"
  make_folder(place.parent_path());
  std::string hidden = ".";
  hidden += place.filename().string();
  const fs::path unfinished = place.parent_path() / (hidden + ".unfinished");
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  make_folder(unfinished);
  try {
    fill(unfinished);
    move_into_place(unfinished, place);
  } catch (...) {
    fs::remove_all(unfinished, ignored);
    throw;
  }
}

}  // namespace biplane
