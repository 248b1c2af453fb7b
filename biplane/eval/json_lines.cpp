#include "biplane/eval/json_lines.h"

#include <fstream>
#include <set>
#include <sstream>

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 34;

// Ends a last line that is whole but for its end.
void end_last_line(const std::filesystem::path& file, const std::string& text) {
  const std::size_t begin = text.find_last_of('\n') + 1;  // 0 where there is none
  if (begin == text.size() || !Json::accept(text.substr(begin))) return;
  std::ofstream end(file, std::ios::app);
  if (!(end << '\n') || !end.flush())
    throw Error(ErrorKind::kIo, file.string() + ": cannot be appended to");
}

}  // namespace

void append_missing_lines(const std::filesystem::path& file,
                          const std::vector<std::string>& lines) {
  std::set<std::string> there;
  if (std::filesystem::is_regular_file(file)) {
    const std::string text = read_file(file, kMaxBytes);
    end_last_line(file, text);
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) there.insert(line);
  }
  LineAppender appender(file);
  for (const std::string& line : lines)
    if (there.insert(line).second) appender.append(line);
}

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
