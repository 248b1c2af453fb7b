#include "biplane/corpus/corpora/tables.h"

#include <simdjson.h>

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/corpora/fields.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::optional<std::vector<double>> four_numbers(const std::vector<std::string>& texts) {
  std::vector<double> numbers;
  for (const std::string& text : texts) {
    const std::optional<double> number = parse_number(text);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  if (numbers.size() != 4) return std::nullopt;
  return numbers;
}

bool is_utf8(const CsvRow& row) {
  return std::all_of(row.fields.begin(), row.fields.end(), [](const std::string& text) {
    return simdjson::validate_utf8(text.data(), text.size());
  });
}

// Entries of the folder whose names fit a pattern with at most one '*', sorted.
std::vector<fs::path> entries_like(const fs::path& folder, const std::string& pattern) {
  const std::size_t star = pattern.find('*');
  if (star == std::string::npos) {
    if (fs::exists(folder / pattern)) return {folder / pattern};
    return {};
  }
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.size() + 1 >= pattern.size() && name.starts_with(pattern.substr(0, star)) &&
        name.ends_with(pattern.substr(star + 1)))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::optional<fs::path> find_table(const fs::path& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (fs::exists(folder / name)) return folder / name;
  return std::nullopt;
}

fs::path require_table(const fs::path& folder, const std::vector<std::string>& names) {
  if (const auto found = find_table(folder, names)) return *found;
  throw Error(ErrorKind::kMissingInput, (folder / names.front()).string() + ": does not exist");
}

std::vector<fs::path> files_like(const fs::path& folder, const std::string& pattern) {
  const std::size_t slash = pattern.find('/');
  std::vector<fs::path> entries = entries_like(folder, pattern.substr(0, slash));
  if (slash == std::string::npos) return entries;
  std::vector<fs::path> found;
  for (const fs::path& entry : entries) {
    if (!fs::is_directory(entry)) continue;
    for (fs::path& path : files_like(entry, pattern.substr(slash + 1)))
      found.push_back(std::move(path));
  }
  return found;
}

std::string place_of(const fs::path& table, std::int64_t row) {
  return table.filename().string() + " row " + std::to_string(row);
}

void each_row(CsvReader& csv, FunnelStage& stage,
              const std::function<void(const CsvRow&, const std::string&)>& use) {
  bool any = false;
  for (CsvRow row; csv.next(row); any = true) {
    const std::string place = place_of(csv.name(), row.number);
    if (row.problem.empty()) {
      if (!is_utf8(row)) stage.note(kForeignLetters, place);
      use(row, place);
    } else {
      stage.reject("unreadable row", place + ": " + row.problem);
    }
  }
  if (!any) throw Error(ErrorKind::kBadContent, csv.name() + ": a header but no row");
}

std::size_t given_column(const CsvReader& csv, const std::string& name) {
  try {
    return csv.column(name);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, error.what());  // the user's option is wrong, not the file
  }
}

std::string field(const CsvRow& row, const std::optional<std::size_t>& column) {
  return column ? trimmed(row.fields[*column]) : std::string();
}

void read_age(const std::string& text, const std::string& example, FunnelStage& stage,
              Study& study) {
  const std::optional<double> age = parse_age(text);
  if (!age) return stage.reject("age that is no number", example + ", '" + text + "'");
  if (*age > kOldest) return stage.drop("impossible age: left out", example + ", " + text);
  study.age = age;
  stage.pass();
}

std::vector<std::pair<std::int64_t, std::string>> read_list(const fs::path& path) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;  // a million names
  const std::string content = read_file(path, kMostBytes);
  std::vector<std::pair<std::int64_t, std::string>> lines;
  std::int64_t number = 0;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  for (std::size_t begin = content.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
       begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    std::string line = trimmed(content.substr(begin, end - begin));
    ++number;
    if (!line.empty()) lines.emplace_back(number, std::move(line));
    begin = end + 1;
  }
  return lines;
}

void keep_studies(std::vector<Study>& studies, const std::function<bool(Study&)>& keep) {
  auto end = studies.begin();
  for (Study& study : studies) {
    if (!keep(study)) continue;
    if (&*end != &study) *end = std::move(study);
    ++end;
  }
  studies.erase(end, studies.end());
}

BoxResult box_of_corner_and_size(const std::string& label,
                                 const std::vector<std::string>& numbers) {
  const auto parsed = four_numbers(numbers);
  if (!parsed) return {{}, "box that is not four numbers"};
  BoxResult result;
  result.box = {0, label, (*parsed)[0], (*parsed)[1], (*parsed)[2], (*parsed)[3], ""};
  if (result.box.w <= 0 || result.box.h <= 0) result.problem = "box without an area";
  return result;
}

BoxResult box_of_corners(const std::string& label, const std::vector<std::string>& numbers) {
  BoxResult result = box_of_corner_and_size(label, numbers);
  if (result.problem == "box that is not four numbers") return result;
  result.box.w -= result.box.x;
  result.box.h -= result.box.y;
  const bool area = result.box.w > 0 && result.box.h > 0;
  result.problem = area ? "" : "box without an area";
  return result;
}

bool same_place(const Box& a, const Box& b) {
  return a.x == b.x && a.y == b.y && a.w == b.w && a.h == b.h;
}

std::pair<Study*, bool> StudyTable::add(const std::string& id, const std::string& patient,
                                        const fs::path& table, std::int64_t row) {
  const auto [place, fresh] = places_.emplace(id, nullptr);
  if (!fresh) return {place->second, false};
  Study& study = studies_.emplace_back();
  study.study_id = id;
  study.patient_id = patient;
  study.source_file = table.filename().string();
  study.source_row = row;
  place->second = &study;
  return {&study, true};
}

Study* StudyTable::find(const std::string& id) {
  const auto place = places_.find(id);
  return place == places_.end() ? nullptr : place->second;
}

std::vector<Study> StudyTable::take() {
  places_.clear();
  std::vector<Study> taken;
  taken.reserve(studies_.size());
  for (; !studies_.empty(); studies_.pop_front())  // never all of them twice in memory
    taken.push_back(std::move(studies_.front()));
  return taken;
}

}  // namespace biplane
