#include "biplane/core/share.h"

#include <cstdlib>
#include <vector>

#include "biplane/core/error.h"

namespace biplane {

std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::filesystem::path share_file(const std::string& name) {
  std::vector<std::filesystem::path> folders;
  if (const char* set = std::getenv("BIPLANE_SHARE")) folders.emplace_back(set);
  const std::filesystem::path program = program_folder();
  folders.push_back(program / "../share/biplane");     // bin/
  folders.push_back(program / "../../share/biplane");  // libexec/biplane/
  std::string tried;
  for (const auto& folder : folders) {
    std::error_code error;
    const std::filesystem::path path = std::filesystem::weakly_canonical(folder / name, error);
    if (std::filesystem::exists(path)) return path;
    tried += (tried.empty() ? "" : ", ") + folder.lexically_normal().string();
  }
  throw Error(ErrorKind::kMissingInput, "data file " + name + " was not found (looked in " + tried +
                                            "); set BIPLANE_SHARE to the folder that holds it");
}

}  // namespace biplane
