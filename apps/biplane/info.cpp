#include "apps/biplane/info.h"

#include <fmt/format.h>

#include <fstream>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"

namespace biplane::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::size_t kShownEntries = 40;  // of a list in the table; --json has all

void append_value(const ordered_json& value, const std::string& name, int depth,
                  std::string& text) {
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  if (value.is_object() && !value.empty()) {
    text += indent + name + "\n";
    for (const auto& [key, item] : value.items()) append_value(item, key, depth + 1, text);
  } else if (value.is_array() && !value.empty()) {
    text += indent + name + "\n";
    for (std::size_t i = 0; i < std::min(value.size(), kShownEntries); ++i)
      text += indent + "  " + value[i].dump() + "\n";
    if (value.size() > kShownEntries)
      text += fmt::format("{}  ... and {} more (--json lists all)\n", indent,
                          value.size() - kShownEntries);
  } else {
    text += fmt::format("{}{:<24} {}\n", indent, name,
                        value.is_string() ? value.get<std::string>()
                        : value.is_null() ? "-"
                                          : value.dump());
  }
}

// The first byte that is no blank, 0 if there is none within the first few.
char first_character(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  char c = 0;
  for (int i = 0; i < 64 && stream.get(c); ++i) {
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
  }
  return 0;
}

ordered_json path_info(const fs::path& path, const std::string& root) {
  if (!fs::exists(path))
    throw Error(ErrorKind::kMissingInput, path.string() + ": no such file or folder");
  if (fs::is_directory(path)) return folder_info(path, root);
  if (!fs::is_regular_file(path))
    throw Error(ErrorKind::kUsage, path.string() + ": neither a file nor a folder");
  if (path.extension() == ".safetensors") return safetensors_info(path);
  if (path.extension() == ".jsonl" || first_character(path) == '{')
    return manifest_info(path, root);
  return image_info(path);
}

}  // namespace

int run_info(const Arguments& arguments) {
  std::string path, root;
  bool json = false;
  CLI::App app(
      "Says what a path is: an image (PNG, JPEG, DICOM), a manifest, a run, a checkpoint, a model "
      "directory, a safetensors file.",
      "biplane info");
  app.add_option("path", path, "file or folder")->required()->type_name("PATH");
  app.add_option("--root", root, "of a manifest: the folder of its images")->type_name("DIR");
  app.add_flag("--json", json, "print one JSON object");
  app.footer(
      "examples\n  biplane info image.dcm --json\n  biplane info prepared/manifest.jsonl\n  "
      "biplane info runs/demo");
  if (!parse_arguments(app, arguments)) return 0;
  const ordered_json info = path_info(path, root);
  if (json) {
    print_result(info.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  } else {
    std::string table;
    for (const auto& [key, item] : info.items()) append_value(item, key, 0, table);
    print_result(table);
  }
  if (info.contains("error")) throw Error(ErrorKind::kBadContent, info["error"].get<std::string>());
  return 0;
}

}  // namespace biplane::cli
