// RSNA Pneumonia Detection Challenge, stage 2.
#include <algorithm>
#include <array>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/nih_patients.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabelTable = "stage_2_train_labels.csv";
constexpr const char* kClassTable = "stage_2_detailed_class_info.csv";
constexpr const char* kFolder = "stage_2_train_images";
constexpr const char* kOpacity = "Lung Opacity";
constexpr std::array kClasses = {kOpacity, "Normal", "No Lung Opacity / Not Normal"};

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        images_(options.root),
        nih_(NihPatients::find(options.root)) {}

  std::vector<Study> read() {
    read_labels();
    read_classes();
    images_.count_unused(funnel_.stage("image files", "files"));
    return studies_.take();
  }

 private:
  void read_labels() {
    const fs::path table = require_table(options_.root, {kLabelTable});
    CsvReader csv(table);
    const std::size_t image = csv.column("patientId"), target = csv.column("Target");
    const std::array columns = {csv.column("x"), csv.column("y"), csv.column("width"),
                                csv.column("height")};
    FunnelStage& stage = funnel_.stage("rows grouped into images", "rows");
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      std::vector<std::string> numbers;
      for (const std::size_t column : columns) numbers.push_back(field(row, column));
      add_row(row, place, {field(row, image), field(row, target), numbers}, table);
    });
  }

  struct Fields {
    std::string image, target;
    std::vector<std::string> box;
  };

  void add_row(const CsvRow& row, const std::string& place, const Fields& fields,
               const fs::path& table) {
    FunnelStage& stage = funnel_.stage("rows grouped into images", "rows");
    const std::string example = place + ": " + fields.image;
    if (fields.image.empty()) return stage.reject("row without an image", place);
    if (fields.target != "0" && fields.target != "1")
      return stage.reject("Target is neither 0 nor 1", example + ", '" + fields.target + "'");
    const int target = fields.target == "1" ? 1 : 0;
    const bool blank = std::all_of(fields.box.begin(), fields.box.end(),
                                   [](const std::string& number) { return number.empty(); });
    if (target == 0 && !blank) return stage.reject("box with Target 0", example);
    BoxResult box;
    if (target == 1) box = box_of_corner_and_size(kOpacity, fields.box);
    if (!box.problem.empty()) return stage.reject(box.problem, example);
    const auto [study, fresh] = studies_.add(fields.image, fields.image, table, row.number);
    if (fresh) {
      start(*study, target, example, stage);
      stage.pass();
    } else if (study->labels.at(kOpacity) != target) {
      return stage.reject("Target contradicts an earlier row", example);
    } else if (target == 0 || std::any_of(study->boxes.begin(), study->boxes.end(),
                                          [&](const Box& b) { return same_place(b, box.box); })) {
      return stage.drop("repeated row", example);
    } else {
      stage.drop("merged: further box of an image", example);
    }
    if (target == 1) study->boxes.push_back(box.box);
  }

  void start(Study& study, int target, const std::string& example, FunnelStage& stage) {
    View view;
    view.path = images_.find(study.study_id, std::string(kFolder) + "/" + study.study_id + ".dcm");
    study.views.push_back(view);
    study.labels[kOpacity] = target;
    study.split = place_in_split(nih_.name(example, stage, study), Split::kTrain, false, options_);
  }

  void read_classes() {
    const auto table = find_table(options_.root, {kClassTable});
    if (!table) return;
    CsvReader csv(*table);
    const std::size_t image = csv.column("patientId"), name = csv.column("class");
    FunnelStage& stage = funnel_.stage("classes joined to images", "rows");
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      add_class(field(row, image), field(row, name), place, stage);
    });
  }

  void add_class(const std::string& image, const std::string& name, const std::string& place,
                 FunnelStage& stage) {
    const std::string example = place + ": " + image + ", '" + name + "'";
    Study* study = studies_.find(image);
    if (study == nullptr) return stage.drop("class of an image without labels", example);
    if (std::find(kClasses.begin(), kClasses.end(), name) == kClasses.end())
      return stage.reject("unknown class",
                          example + did_you_mean(name, {kClasses.begin(), kClasses.end()}));
    if ((name == kOpacity) != (study->labels.at(kOpacity) == 1))
      return stage.reject("class contradicts Target", example);
    const auto known = study->labels.find(name);
    if (study->labels.size() > 1) {
      if (known->second == 1) return stage.drop("repeated row", example);
      return stage.reject("class contradicts an earlier row", example);
    }
    for (const char* one : kClasses) study->labels[one] = name == one ? 1 : 0;
    stage.pass();
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  ImageIndex images_;
  NihPatients nih_;
  StudyTable studies_;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

Corpus rsna_corpus() {
  return {.name = "rsna",
          .summary = "RSNA Pneumonia (stage 2): boxes of lung opacities",
          .tree =
              "stage_2_train_labels.csv         patientId,x,y,width,height,Target\n"
              "stage_2_detailed_class_info.csv  patientId,class (may be absent)\n"
              "stage_2_train_images/PATIENT.dcm\n"
              "pneumonia-challenge-dataset-mappings_2018.json  NIH's images (may be absent)\n",
          .needs = {{kLabelTable}},
          .read = &read,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
