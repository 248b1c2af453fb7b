// MS-CXR: boxes of phrases on images of MIMIC-CXR-JPG.
#include <algorithm>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/mimic_tables.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOtherPath = "path that is not .../p10000032/s50414267/DICOM_ID.jpg";
constexpr const char* kTables = "MS_CXR_Local_Alignment*.csv";

fs::path find_boxes(const PrepareOptions& options) {
  if (!options.csv.empty()) return options.csv;
  const std::vector<fs::path> found = files_like(options.root, kTables);
  if (!found.empty()) return found.back();  // the newest
  throw Error(ErrorKind::kMissingInput,
              (options.root / kTables).string() +
                  ": does not exist; give the table with --csv where it lies elsewhere, and the "
                  "folder of MIMIC-CXR-JPG as --root");
}

struct Columns {
  std::size_t image, category, phrase, path, x, y, w, h, cols, rows;
  std::optional<std::size_t> split;

  explicit Columns(const CsvReader& csv)
      : image(csv.column("dicom_id")),
        category(csv.column("category_name")),
        phrase(csv.column("label_text")),
        path(csv.column("path")),
        x(csv.column("x")),
        y(csv.column("y")),
        w(csv.column("w")),
        h(csv.column("h")),
        cols(csv.column("image_width")),
        rows(csv.column("image_height")),
        split(csv.find_column("split")) {}
};

std::optional<Split> split_named(const std::string& name) {
  if (name == "val" || name == "valid") return Split::kValidate;
  return parse_split(name);
}

// The image that a row is about, before it is joined to a study.
struct Row {
  View view;
  StudyNames names;
  Split split = Split::kTrain;
  Box box;
  std::string problem;  // empty: the row can be used
};

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        stage_(funnel.stage("rows grouped into images", "rows")),
        known_(known_labels("ms-cxr")) {}

  std::vector<Study> read() {
    const fs::path table = find_boxes(options_);
    CsvReader csv(table);
    const Columns columns(csv);
    has_splits_ = columns.split.has_value();
    each_row(csv, stage_, [&](const CsvRow& row, const std::string& place) {
      add_row(parse_row(row, columns), row.number, place + ": " + field(row, columns.image), table);
    });
    read_positions();
    return studies_.take();
  }

 private:
  Row parse_row(const CsvRow& row, const Columns& columns) const {
    Row parsed;
    const std::string image = field(row, columns.image), split = field(row, columns.split);
    BoxResult result = box_of_corner_and_size(field(row, columns.category),
                                              {row.fields[columns.x], row.fields[columns.y],
                                               row.fields[columns.w], row.fields[columns.h]});
    parsed.box = std::move(result.box);
    parsed.box.label = field(row, columns.category);  // also where the box is none
    parsed.box.phrase = field(row, columns.phrase);
    parsed.view.path = field(row, columns.path);
    parsed.view.rows = parse_size(field(row, columns.rows));
    parsed.view.cols = parse_size(field(row, columns.cols));
    parsed.names = mimic_names(parsed.view.path).value_or(StudyNames{});
    parsed.split = split_named(split).value_or(Split::kTrain);
    parsed.problem = image.empty()                                ? "row without an image"
                     : fs::path(parsed.view.path).stem() != image ? kOtherPath
                     : columns.split && !split_named(split)       ? "unknown split"
                                                                  : problem_of(parsed);
    if (parsed.problem.empty()) parsed.problem = result.problem;
    return parsed;
  }

  std::string problem_of(const Row& row) const {
    if (row.names.study.empty()) return kOtherPath;
    if (std::find(known_.begin(), known_.end(), row.box.label) == known_.end())
      return "unknown category";
    if (row.box.phrase.empty()) return "row without a phrase";
    return row.view.rows < 1 || row.view.cols < 1 ? "image size that is no number" : "";
  }

  void add_row(Row row, std::int64_t number, const std::string& example, const fs::path& table) {
    if (!row.problem.empty()) return stage_.reject(row.problem, example);
    const auto [study, fresh] = studies_.add(row.names.study, row.names.patient, table, number);
    if (fresh) {
      study->split = place_in_split(row.names.patient, row.split, has_splits_, options_);
      listed_[study] = row.split;
    }
    if (study->patient_id != row.names.patient)
      return stage_.reject("names another patient than its study", example);
    if (listed_.at(study) != row.split)
      return stage_.reject("split contradicts an earlier row", example);
    const auto view = std::find_if(study->views.begin(), study->views.end(),
                                   [&](const View& v) { return v.path == row.view.path; });
    const bool new_image = view == study->views.end();
    if (!new_image && (view->rows != row.view.rows || view->cols != row.view.cols))
      return stage_.reject("image size contradicts an earlier row", example);
    row.box.view = view - study->views.begin();
    const bool repeated = std::any_of(study->boxes.begin(), study->boxes.end(), [&](const Box& b) {
      return b.view == row.box.view && b.label == row.box.label && b.phrase == row.box.phrase &&
             same_place(b, row.box);
    });
    if (repeated) return stage_.drop("repeated row", example);
    if (new_image) {
      study->views.push_back(std::move(row.view));
      stage_.pass();
    } else {
      stage_.drop("merged: further box of an image", example);
    }
    study->labels[row.box.label] = 1;
    study->boxes.push_back(std::move(row.box));
  }

  // MS-CXR does not say which frontals are AP; the table of MIMIC-CXR-JPG does, where it is there.
  void read_positions() {
    const auto table = find_mimic_table(options_.root, "metadata");
    if (!table) return;
    std::unordered_map<std::string, View*> views;
    for (Study& study : studies_.all())
      for (View& view : study.views) views[fs::path(view.path).stem().string()] = &view;
    CsvReader csv(*table);
    const std::size_t image = csv.column("dicom_id"), position = csv.column("ViewPosition");
    FunnelStage& stage = funnel_.stage("view positions found in the metadata", "images");
    for (CsvRow row; csv.next(row);) {
      const auto view = row.problem.empty() ? views.find(field(row, image)) : views.end();
      if (view == views.end() || view->second == nullptr) continue;
      view->second->view = mimic_view(field(row, position));
      view->second = nullptr;
      stage.pass();
    }
    for (const Study& study : studies_.all())
      for (const View& view : study.views)
        if (views.at(fs::path(view.path).stem().string()) != nullptr)
          stage.drop("image not in the metadata", view.path);
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  FunnelStage& stage_;
  std::vector<std::string> known_;
  StudyTable studies_;
  std::unordered_map<const Study*, Split> listed_;
  bool has_splits_ = false;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

Corpus ms_cxr_corpus() {
  return {.name = "ms-cxr",
          .summary = "MS-CXR: boxes of phrases on images of MIMIC-CXR-JPG",
          .tree =
              "MS_CXR_Local_Alignment_v1.1.0.csv           any version; or another file (--csv)\n"
              "files/p10/p10000032/s50414267/DICOM_ID.jpg  of MIMIC-CXR-JPG\n"
              "mimic-cxr-2.0.0-metadata.csv.gz             (may be absent) says which are AP\n",
          .needs = {{"files/"}},
          .takes = {"--csv"},
          .read = &read,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
