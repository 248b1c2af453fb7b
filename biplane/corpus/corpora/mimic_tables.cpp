#include "biplane/corpus/corpora/mimic_tables.h"

#include <regex>

#include "biplane/corpus/corpora/tables.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::string without_ending(const fs::path& table) {
  const std::string name = table.filename().string();
  return name.substr(0, name.rfind(".csv"));
}

}  // namespace

std::optional<StudyNames> mimic_names(const std::string& path) {
  static const std::regex folders("(^|/)(p[0-9]{8})/(s[0-9]{8})(/|$)");
  std::smatch match;
  if (!std::regex_search(path, match, folders)) return std::nullopt;
  return StudyNames{match[3], match[2]};
}

std::optional<fs::path> find_mimic_table(const fs::path& folder, const std::string& kind) {
  std::optional<fs::path> newest;
  for (const char* ending : {".csv", ".csv.gz"}) {
    for (const fs::path& table : files_like(folder, "mimic-cxr-*-" + kind + ending))
      if (!newest || without_ending(*newest) < without_ending(table)) newest = table;
  }
  return newest;
}

ViewPosition mimic_view(const std::string& position) {
  if (position == "PA") return ViewPosition::kPA;
  if (position == "AP") return ViewPosition::kAP;
  const bool lateral = position == "LATERAL" || position == "LL" || position == "RL";
  return lateral ? ViewPosition::kLateral : ViewPosition::kUnknown;
}

}  // namespace biplane
