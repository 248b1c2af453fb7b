#include "biplane/formats/weight_index.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "biplane/core/error.h"
#include "biplane/formats/file_bytes.h"
#include "biplane/formats/guarded_json.h"

namespace biplane {
namespace {

constexpr std::size_t kMaxBytes = 100'000'000;
constexpr std::size_t kMaxFiles = 10'000;

// A name that stays in its folder wherever it is joined to, and that can be shown.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && shown(name) == name &&
         name.find_first_of("/\\") == std::string::npos;
}

}  // namespace

bool is_weight_index(std::string_view content) {
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && content[first] == '{';
}

WeightIndex read_weight_index(std::string_view content, const std::string& name) {
  const auto bad = [&name](const std::string& cause) {
    throw Error(ErrorKind::kBadContent,
                fmt::format("{}: not an index of weights: {}", name, cause));
  };
  if (content.size() > kMaxBytes) bad("it is larger than 100 MB");
  const nlohmann::json index = parse_guarded_json(content, "its text", bad);
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object()) bad("it has no weight_map");
  WeightIndex result;
  std::set<std::string> files;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string() || !is_plain_name(file.get<std::string>()))
      bad(fmt::format("tensor '{}': {} is not the name of a file in the same folder", shown(tensor),
                      shown(file.dump())));
    result.file_of[tensor] = file.get<std::string>();
    files.insert(file.get<std::string>());
  }
  if (files.size() > kMaxFiles) bad(fmt::format("it lists {} files", files.size()));
  result.files.assign(files.begin(), files.end());
  return result;
}

}  // namespace biplane
