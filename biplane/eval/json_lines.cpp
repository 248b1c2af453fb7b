#include "biplane/eval/json_lines.h"

#include <sstream>

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 34;

}  // namespace

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void read_json_lines(const std::filesystem::path& file,
                     const std::function<void(const Json& json, std::int64_t number)>& add) {
  std::istringstream lines(read_file(file, kMaxBytes));
  std::int64_t number = 0;
  try {
    for (std::string line; std::getline(lines, line);) {
      ++number;
      add(Json::parse(line), number);
    }
    if (number == 0) throw Error(ErrorKind::kBadContent, "is empty");
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kBadContent,
                file.string() + ": line " + std::to_string(number) + ": " + error.what());
  }
}

}  // namespace biplane
