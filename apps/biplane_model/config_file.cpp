#include "apps/biplane_model/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/nearest_name.h"
#include "biplane/core/share.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// In the order in which they are looked through.
constexpr std::array<const char*, 3> kFolders{"configs", "configs/tasks", "configs/baselines"};

// A verb, and a key that its configurations alone have.
constexpr std::array<std::pair<const char*, const char*>, 3> kOwnKeys{
    {{"finetune", "task"}, {"ablate", "designs"}, {"pretrain", "model"}}};

std::vector<std::string> shipped_names() {
  std::vector<std::string> names;
  for (const char* folder : kFolders) {
    for (const fs::directory_entry& entry : fs::directory_iterator(share_file(folder))) {
      if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());  // a folder has no order
  return names;
}

}  // namespace

fs::path find_config(const std::string& given) {
  if (fs::exists(given)) return given;
  const bool name = given.find('/') == std::string::npos && fs::path(given).extension() != ".yaml";
  if (!name) throw Error(ErrorKind::kMissingInput, given + ": no such file");
  for (const char* folder : kFolders) {
    const fs::path file = share_file(folder) / (given + ".yaml");
    if (fs::exists(file)) return file;
  }
  const std::vector<std::string> names = shipped_names();
  const auto near = nearest_name(given, names);
  throw Error(ErrorKind::kMissingInput,
              fmt::format("--config {}: no such file, and no configuration of that name comes with "
                          "the program{}",
                          given, near ? "; did you mean " + *near + "?" : ""));
}

ConfigTree read_config_of(const std::string& verb, const fs::path& file) {
  ConfigTree tree = ConfigTree::read(file);
  for (const auto& [other, key] : kOwnKeys) {
    if (verb != other && tree.has(key))
      throw Error(ErrorKind::kUsage,
                  fmt::format("{}: is a configuration of biplane {} (it has the key {}), not of "
                              "biplane {}",
                              file.string(), other, key, verb));
  }
  return tree;
}

}  // namespace biplane
