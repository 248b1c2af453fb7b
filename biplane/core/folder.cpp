#include "biplane/core/folder.h"

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// Moves a finished folder to its place; what was there goes first.
void move_into_place(const fs::path& finished, const fs::path& folder) {
  const fs::path old = finished.string() + "-old";
  try {
    fs::remove_all(old);
    if (fs::exists(folder)) fs::rename(folder, old);
    fs::rename(finished, folder);
    fs::remove_all(old);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kIo, folder.string() + ": cannot be written: " + error.code().message());
  }
}

}  // namespace

void write_folder(const fs::path& folder, const std::string& mark,
                  const std::function<void(const fs::path&)>& fill) {
  if (fs::exists(folder) &&
      (!fs::is_directory(folder) || (!fs::is_empty(folder) && !fs::exists(folder / mark)))) {
    throw Error(ErrorKind::kUsage, folder.string() +
                                       ": is there already and is no folder of this kind (" + mark +
                                       " is missing)");
  }
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
