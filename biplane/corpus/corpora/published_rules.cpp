#include "biplane/corpus/corpora/published_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <unordered_set>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/chexpert_tables.h"
#include "biplane/corpus/corpora/covidx_lists.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/published_splits.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
using Rows = std::vector<std::int64_t>;

// MGCA's seeds and sizes.
constexpr std::uint32_t kSeed = 0;
constexpr double kHeldOut = 0.3;  // halved into test and validate
constexpr std::int64_t kDetectionHeldOut = 2 * std::int64_t{5337};
constexpr double kObjectValidate = 0.1;
constexpr double kCovidTrain = 0.8;
constexpr std::int64_t kChexpertValidate = 5000;
constexpr std::int64_t kOfEachClass = 200;

// A column of a table, row by row; empty for a row that cannot be read.
Names column_of(const fs::path& table, const std::string& name) {
  CsvReader csv(table);
  const std::size_t column = csv.column(name);
  Names names;
  for (CsvRow row; csv.next(row);)
    names.push_back(row.problem.empty() ? trimmed(row.fields[column]) : "");
  return names;
}

void place(const Names& names, const Rows& rows, Split split, std::vector<Placement>& placements) {
  for (const std::int64_t row : rows)
    placements.push_back({names[static_cast<std::size_t>(row)], split});
}

Rows picked(const Rows& rows, const Rows& places) {
  Rows out;
  for (const std::int64_t one : places) out.push_back(rows[static_cast<std::size_t>(one)]);
  return out;
}

// Part of the names held out, and of that the first half for testing, the other for validation.
std::vector<Placement> hold_out_and_halve(const Names& names, RowShare held_out) {
  const RowSplit first = train_test_split(static_cast<std::int64_t>(names.size()),
                                          {.test = held_out, .train = {}}, LegacyRandom(kSeed));
  const RowSplit second = train_test_split(static_cast<std::int64_t>(first.test.size()),
                                           {.test = 0.5, .train = {}}, LegacyRandom(kSeed));
  std::vector<Placement> placements;
  place(names, first.train, Split::kTrain, placements);
  place(names, picked(first.test, second.test), Split::kValidate, placements);
  place(names, picked(first.test, second.train), Split::kTest, placements);
  return placements;
}

Names rsna_patients(const fs::path& root) {
  const Names rows = column_of(require_table(root, {"stage_2_train_labels.csv"}), "patientId");
  std::set<std::string> patients(rows.begin(), rows.end());
  patients.erase("");
  return {patients.begin(), patients.end()};
}

std::vector<Placement> rsna(const fs::path& root) {
  return hold_out_and_halve(rsna_patients(root), kHeldOut);
}

std::vector<Placement> rsna_detection(const fs::path& root) {
  return hold_out_and_halve(rsna_patients(root), kDetectionHeldOut);
}

std::vector<Placement> siim(const fs::path& root) {
  return hold_out_and_halve(column_of(require_table(root, {"train-rle.csv"}), "ImageId"), kHeldOut);
}

std::vector<Placement> object_cxr(const fs::path& root) {
  const auto names = [&root](const std::string& table) {
    Names found = column_of(require_table(root, {table + ".csv"}), "image_name");
    for (std::string& name : found) name = table + "/" + name;
    return found;
  };
  const Names train = names("train");
  const RowSplit split =
      train_test_split(static_cast<std::int64_t>(train.size()),
                       {.test = kObjectValidate, .train = {}}, LegacyRandom(kSeed));
  std::vector<Placement> placements;
  place(train, split.train, Split::kTrain, placements);
  place(train, split.test, Split::kValidate, placements);
  for (const std::string& name : names("dev")) placements.push_back({name, Split::kTest});
  return placements;
}

std::vector<Placement> covidx(const fs::path& root) {
  const auto names = [&root](const std::string& list) {
    Names found;
    const auto path = find_covidx_list(root, list);
    if (!path)
      throw Error(ErrorKind::kMissingInput,
                  (root / (list + ".txt")).string() + ": does not exist (--split mgca)");
    for (const auto& [number, text] : read_list(*path)) {
      const auto line = parse_covidx_line(text);
      found.push_back(line ? line->file : "");
    }
    return found;
  };
  const Names train = names("train");
  const auto count = static_cast<std::int64_t>(train.size());
  const auto kept = static_cast<std::int64_t>(std::floor(kCovidTrain * static_cast<double>(count)));
  const RowSplit split =
      train_test_split(count, {.test = count - kept, .train = kept}, LegacyRandom(kSeed));
  std::vector<Placement> placements;
  place(train, split.train, Split::kTrain, placements);
  place(train, split.test, Split::kValidate, placements);
  for (const std::string& name : names("test")) placements.push_back({name, Split::kTest});
  return placements;
}

// What the rule of CheXpert looks at in train.csv.
struct ChexpertRows {
  Names images;
  std::vector<int> alone_in;  // class that alone is present in a frontal; -1: none
};

constexpr std::array kFiveClasses = {"Atelectasis", "Cardiomegaly", "Consolidation", "Edema",
                                     "Pleural Effusion"};
// "No Finding" is not asked.
constexpr std::array kOtherClasses = {"Enlarged Cardiomediastinum",
                                      "Lung Lesion",
                                      "Lung Opacity",
                                      "Pneumonia",
                                      "Pneumothorax",
                                      "Fracture",
                                      "Pleural Other",
                                      "Support Devices"};

fs::path require_chexpert_table(const fs::path& root, Split split, const char* name) {
  if (const auto table = find_chexpert_table(root, split)) return *table;
  throw Error(ErrorKind::kMissingInput, (root / name).string() + ": does not exist (--split mgca)");
}

std::string chexpert_image(const std::string& path) {
  const auto parsed = parse_chexpert_path(path);
  return parsed ? parsed->image : std::string();
}

ChexpertRows read_chexpert_rows(const fs::path& root) {
  CsvReader csv(require_chexpert_table(root, Split::kTrain, "train.csv"));
  const std::size_t path = csv.column("Path"), side = csv.column("Frontal/Lateral");
  std::vector<std::size_t> columns;
  for (const char* name : kFiveClasses) columns.push_back(csv.column(name));
  for (const char* name : kOtherClasses) columns.push_back(csv.column(name));
  ChexpertRows rows;
  for (CsvRow row; csv.next(row);) {
    rows.images.emplace_back();
    rows.alone_in.push_back(-1);
    if (!row.problem.empty()) continue;
    rows.images.back() = chexpert_image(field(row, path));
    if (field(row, side) != "Frontal") continue;
    int present = -1, others = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string text = field(row, columns[i]);
      const double value = text.empty() ? 0 : parse_number(text).value_or(-1);
      if (value == 1 && i < kFiveClasses.size() && present < 0) {
        present = static_cast<int>(i);
      } else if (value != 0) {
        ++others;
      }
    }
    if (others == 0) rows.alone_in.back() = present;
  }
  return rows;
}

Rows draw_5x200(const ChexpertRows& rows) {
  Rows drawn;
  for (int wanted = 0; wanted < static_cast<int>(kFiveClasses.size()); ++wanted) {
    Rows candidates;
    for (std::size_t row = 0; row < rows.alone_in.size(); ++row)
      if (rows.alone_in[row] == wanted) candidates.push_back(static_cast<std::int64_t>(row));
    const Rows sample =
        picked(candidates, dataframe_sample(static_cast<std::int64_t>(candidates.size()),
                                            kOfEachClass, LegacyRandom(kSeed)));
    drawn.insert(drawn.end(), sample.begin(), sample.end());
  }
  return drawn;
}

std::vector<Placement> chexpert_5x200(const fs::path& root) {
  const ChexpertRows rows = read_chexpert_rows(root);
  std::vector<Placement> placements;
  place(rows.images, draw_5x200(rows), Split::kTest, placements);
  return placements;
}

std::vector<Placement> chexpert(const fs::path& root) {
  const ChexpertRows rows = read_chexpert_rows(root);
  const Rows drawn = draw_5x200(rows);
  const std::unordered_set<std::int64_t> taken(drawn.begin(), drawn.end());
  Rows rest;
  for (std::size_t row = 0; row < rows.images.size(); ++row)
    if (!taken.contains(static_cast<std::int64_t>(row)))
      rest.push_back(static_cast<std::int64_t>(row));
  const Rows numbers = LegacyRandom(kSeed).choice(static_cast<std::int64_t>(rest.size()),
                                                  kChexpertValidate, LegacyRandom::Replace::kNo);
  // The numbers are places among the rest where they choose and row numbers of the table where they
  // remove: so the program has it.
  const std::unordered_set<std::int64_t> removed(numbers.begin(), numbers.end());
  Rows train;
  for (const std::int64_t row : rest)
    if (!removed.contains(row)) train.push_back(row);
  std::vector<Placement> placements;
  place(rows.images, train, Split::kTrain, placements);
  place(rows.images, picked(rest, numbers), Split::kValidate, placements);
  for (const std::string& path :
       column_of(require_chexpert_table(root, Split::kValidate, "valid.csv"), "Path"))
    placements.push_back({chexpert_image(path), Split::kTest});
  return placements;
}

constexpr std::array kRules = {
    PublishedRule{"rsna", "mgca", "", &rsna},
    PublishedRule{"rsna", "mgca-detection", "", &rsna_detection},
    PublishedRule{"siim", "mgca", "it splits rows, and an image with several rows falls apart",
                  &siim},
    PublishedRule{"object-cxr", "mgca", "", &object_cxr},
    PublishedRule{"covidx", "mgca", "it splits images, and patients have several", &covidx},
    PublishedRule{"chexpert", "mgca",
                  "it splits images, and removes others from training than it validates on",
                  &chexpert},
    PublishedRule{"chexpert-5x200", "mgca", "", &chexpert_5x200},
};

}  // namespace

std::vector<std::string> published_rules_of(const std::string& corpus) {
  std::vector<std::string> names;
  for (const PublishedRule& rule : kRules)
    if (corpus == rule.corpus) names.emplace_back(rule.name);
  return names;
}

const PublishedRule& find_published_rule(const std::string& corpus, const std::string& name) {
  for (const PublishedRule& rule : kRules)
    if (corpus == rule.corpus && name == rule.name) return rule;
  const std::vector<std::string> names = published_rules_of(corpus);
  std::string known;
  for (const std::string& one : names) known += (known.empty() ? "" : ", ") + one;
  throw Error(ErrorKind::kUsage,
              "--split " + name + ": " +
                  (names.empty() ? corpus + " has no published split that is made by a rule; lists "
                                            "are read by --split-list FILE"
                                 : corpus + " has the published splits " + known));
}

}  // namespace biplane
