#include "biplane/corpus/corpora/split_lists.h"

#include <array>
#include <cctype>
#include <optional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/chexpert_tables.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// Columns that name an image or a study in lists; the first that is there counts.
constexpr std::array kNameColumns = {"Path",     "path",      "path_to_image", "image_path",
                                     "ImageId",  "patientId", "Image Index",   "image_id",
                                     "filename", "dicom_id",  "image_name",    "study_id"};

std::optional<Split> split_of_word(const std::string& word) {
  if (word == "train") return Split::kTrain;
  if (word == "val" || word == "valid" || word == "validate" || word == "validation" ||
      word == "dev")
    return Split::kValidate;
  if (word == "test") return Split::kTest;
  return std::nullopt;
}

// The one split that a file's name speaks of ("iscovid_val.txt").
std::optional<Split> split_of_name(const std::string& name) {
  std::set<Split> found;
  std::string word;
  for (const char letter : lower_case(name) + ".") {
    if (std::isalpha(static_cast<unsigned char>(letter)) != 0) {
      word += letter;
      continue;
    }
    if (const auto split = split_of_word(word)) found.insert(*split);
    word.clear();
  }
  if (found.size() != 1) return std::nullopt;
  return *found.begin();
}

struct ListFile {
  fs::path path;
  Split split;
};

ListFile list_file(const std::string& argument) {
  const std::size_t mark = argument.find('=');
  if (mark != std::string::npos) {
    if (const auto split = split_of_word(argument.substr(0, mark)))
      return {argument.substr(mark + 1), *split};
  }
  const fs::path path = argument;
  if (const auto split = split_of_name(path.filename().string())) return {path, *split};
  throw Error(ErrorKind::kUsage, "--split-list " + argument +
                                     ": its name does not say which split it is; give it as "
                                     "train=FILE, validate=FILE or test=FILE");
}

void read_csv(const ListFile& list, std::vector<Placement>& placements) {
  CsvReader csv(list.path);
  std::optional<std::size_t> column;
  for (const char* name : kNameColumns)
    if (!column) column = csv.find_column(name);
  if (!column) csv.column("Path");  // throws
  for (CsvRow row; csv.next(row);)
    placements.push_back({row.problem.empty() ? field(row, column) : "", list.split});
}

}  // namespace

std::vector<Placement> read_split_lists(const std::vector<std::string>& arguments) {
  std::vector<Placement> placements;
  for (const Split split : {Split::kTrain, Split::kValidate, Split::kTest}) {
    for (const std::string& argument : arguments) {
      const ListFile list = list_file(argument);
      if (list.split != split) continue;
      if (!fs::exists(list.path))
        throw Error(ErrorKind::kMissingInput,
                    list.path.string() + ": does not exist (--split-list)");
      if (lower_case(list.path.extension().string()) == ".csv") {
        read_csv(list, placements);
      } else {
        for (auto& [number, line] : read_list(list.path))
          placements.push_back({std::move(line), list.split});
      }
    }
  }
  return placements;
}

StudyLookup::StudyLookup(const std::vector<Study>& studies) {
  for (const Study& study : studies) {
    add(study.study_id, study);
    for (const View& view : study.views) {
      const fs::path path = view.path;
      add(path.string(), study);
      add(path.filename().string(), study);
      add(path.stem().string(), study);
      if (const auto parsed = parse_chexpert_path(view.path)) add(parsed->image, study);
    }
  }
}

void StudyLookup::add(const std::string& name, const Study& study) {
  const auto [place, fresh] = studies_.emplace(name, &study);
  if (!fresh && place->second != &study) place->second = nullptr;
}

const Study* StudyLookup::look_up(const std::string& name) const {
  const auto found = studies_.find(name);
  return found == studies_.end() ? nullptr : found->second;
}

const Study* StudyLookup::find(const std::string& entry) const {
  const std::vector<std::string> words = parts(entry, " \t");
  // The whole line first: names of files may hold blanks.
  for (const std::string& name : {entry, words.empty() ? entry : words.front()}) {
    if (const Study* study = look_up(name)) return study;
    const auto parsed = parse_chexpert_path(name);
    if (parsed) {
      if (const Study* study = look_up(parsed->image)) return study;
    }
    const fs::path path = name;
    for (const std::string& part : {path.filename().string(), path.stem().string()})
      if (const Study* study = look_up(part)) return study;
  }
  return nullptr;
}

}  // namespace biplane
