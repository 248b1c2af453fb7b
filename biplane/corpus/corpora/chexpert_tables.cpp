#include "biplane/corpus/corpora/chexpert_tables.h"

#include <algorithm>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/chexpert_labels.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr int kNameParts = 3;  // patient, study, file
constexpr int kMostViews = 9;  // of a study of which a table names no images; real ones have three

const std::vector<std::string>& table_names(Split split) {
  static const std::vector<std::string> train = {"train.csv"},
                                        validate = {"valid.csv", "val_labels.csv"},
                                        test = {"test.csv", "test_labels.csv", "groundtruth.csv",
                                                "test/groundtruth.csv"};
  return split == Split::kTrain ? train : split == Split::kValidate ? validate : test;
}

struct Columns {
  bool by_study = false;  // the path is a study's: the images are those that lie there
  std::size_t path = 0;
  std::optional<std::size_t> sex, age, side, position;
  ChexpertLabelColumns labels;

  // `whole`: a table that has all columns (those of test sets lack some).
  Columns(const CsvReader& csv, bool whole)
      : by_study(!csv.find_column("Path") && csv.find_column("Study").has_value()),
        path(csv.column(by_study ? "Study" : "Path")),
        sex(csv.find_column("Sex")),
        age(csv.find_column("Age")),
        side(whole ? csv.column("Frontal/Lateral") : csv.find_column("Frontal/Lateral")),
        position(csv.find_column("AP/PA")),
        labels(csv, whole) {
    if (labels.empty()) csv.column("Cardiomegaly");  // throws
  }
};

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        stage_(funnel.stage("rows grouped into studies", "rows")),
        images_(options.root, kNameParts) {}

  std::vector<Study> read(const std::vector<Split>& splits) {
    own_test_ = find_chexpert_table(options_.root, Split::kTest).has_value();
    for (const Split split : splits)
      if (const auto table = find_chexpert_table(options_.root, split)) read_table(*table, split);
    images_.count_unused(funnel_.stage("image files", "files"));
    return studies_.take();
  }

 private:
  struct Row {
    ChexpertPath path;
    std::string file;  // as the table names it
    std::map<std::string, int> labels;
    ViewPosition view = ViewPosition::kUnknown;
    std::string example;
  };

  void read_table(const fs::path& table, Split split) {
    CsvReader csv(table);
    const std::string name = table.filename().string();
    const Columns columns(csv, name == "train.csv" || name == "valid.csv");
    each_row(csv, stage_, [&](const CsvRow& row, const std::string& place) {
      add_row(row, columns, place, table, split);
    });
  }

  void add_row(const CsvRow& row, const Columns& columns, const std::string& place,
               const fs::path& table, Split split) {
    Row read;
    read.file = field(row, columns.path);
    read.example = place + ": " + read.file;
    if (read.file.empty()) return stage_.reject("row without an image", place);
    const auto path = parse_chexpert_path(read.file);
    if (!path || path->image.empty() != columns.by_study)
      return stage_.reject("path without patient, study and view", read.example);
    read.path = *path;
    auto labels = columns.labels.read(row);
    if (!labels) return stage_.reject("label that is not 1, 0, -1 or blank", read.example);
    read.labels = std::move(*labels);
    if (!columns.by_study && !read_view(row, columns, read))
      return stage_.reject("neither Frontal nor Lateral", read.example);
    const auto [study, fresh] = studies_.add(path->study, path->patient, table, row.number);
    if (fresh) {
      start(row, columns, read, split, *study);
      stage_.pass();
      add_views(columns, read, *study);
    } else if (study->source_file != table.filename()) {
      stage_.reject("study in two tables", read.example);
    } else if (study->labels != read.labels) {
      stage_.reject("labels contradict an earlier row", read.example);
    } else {
      stage_.drop(
          add_views(columns, read, *study) ? "merged: further image of a study" : "repeated row",
          read.example);
    }
  }

  // False where the row says neither.
  bool read_view(const CsvRow& row, const Columns& columns, Row& read) {
    std::string side = field(row, columns.side);
    if (!columns.side) {
      const std::string& name = read.path.image;
      side = name.ends_with("_lateral") ? "Lateral" : name.ends_with("_frontal") ? "Frontal" : "";
    }
    const auto view = read_chexpert_view(side, field(row, columns.position), read.example, funnel_);
    if (view) read.view = *view;
    return view.has_value();
  }

  void start(const CsvRow& row, const Columns& columns, const Row& read, Split split,
             Study& study) {
    study.labels = read.labels;
    study.split = place_in_split(study.patient_id, split, own_test_, options_);
    study.sex = parse_sex(field(row, columns.sex));
    if (columns.age)
      read_age(field(row, columns.age), read.example, funnel_.stage("ages believed", "ages"),
               study);
  }

  // False where the study has the image already.
  bool add_views(const Columns& columns, const Row& read, Study& study) {
    if (columns.by_study) return study.views.empty() && add_all_views(study);
    View view;
    view.path = images_.find(read.path.image, read.file);
    view.view = read.view;
    const bool known = std::any_of(study.views.begin(), study.views.end(),
                                   [&](const View& other) { return other.path == view.path; });
    if (!known) study.views.push_back(std::move(view));
    return !known;
  }

  // The images of a study that a table names without them: what lies in its folder.
  bool add_all_views(Study& study) {
    for (int i = 1; i <= kMostViews; ++i) {
      for (const char* side : {"frontal", "lateral"}) {
        View view;
        view.path = images_.find(study.study_id + "/view" + std::to_string(i) + "_" + side);
        if (side == std::string("lateral")) view.view = ViewPosition::kLateral;
        if (!view.path.empty()) study.views.push_back(std::move(view));
      }
    }
    return !study.views.empty();
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  FunnelStage& stage_;
  ImageIndex images_;
  StudyTable studies_;
  bool own_test_ = false;
};

}  // namespace

std::optional<ChexpertPath> parse_chexpert_path(const std::string& path) {
  std::vector<std::string> names = parts(path, "/\\");
  const bool of_study = !names.empty() && names.back().starts_with("study");
  if (of_study) names.emplace_back();
  if (names.size() < kNameParts) return std::nullopt;
  const std::string& patient = names[names.size() - 3];
  const std::string& study = names[names.size() - 2];
  if (!patient.starts_with("patient") || !study.starts_with("study")) return std::nullopt;
  ChexpertPath parsed{patient, patient + "/" + study, ""};
  if (!of_study) parsed.image = parsed.study + "/" + fs::path(names.back()).stem().string();
  return parsed;
}

std::optional<ViewPosition> read_chexpert_view(const std::string& side, const std::string& position,
                                               const std::string& example, Funnel& funnel) {
  const std::string kind = lower_case(side);
  if (kind != "frontal" && kind != "lateral") return std::nullopt;
  FunnelStage& stage = funnel.stage("views as the tables say", "views");
  const bool sideways = position == "LL" || position == "RL";
  if (kind == "frontal" && sideways) {
    stage.drop("Frontal with LL or RL: a lateral", example);
  } else {
    stage.pass();
  }
  if (kind == "lateral" || sideways) return ViewPosition::kLateral;
  return parse_view(position).value_or(ViewPosition::kUnknown);
}

std::optional<fs::path> find_chexpert_table(const fs::path& root, Split split) {
  for (const std::string folder : {"", "CheXpert*/"}) {
    for (const std::string& name : table_names(split)) {
      const std::vector<fs::path> found = files_like(root, folder + name);
      if (found.size() == 1) return found.front();
      if (found.size() > 1)
        throw Error(ErrorKind::kUsage, root.string() + ": holds several CheXpert releases, " +
                                           found[0].string() + " and " + found[1].string() +
                                           "; give the folder of one as --root");
    }
  }
  return std::nullopt;
}

std::vector<Study> read_chexpert(const PrepareOptions& options, Funnel& funnel,
                                 const std::vector<Split>& splits) {
  return Reader(options, funnel).read(splits);
}

}  // namespace biplane
