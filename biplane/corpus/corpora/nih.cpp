// NIH ChestX-ray14.
#include <algorithm>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kEntries = {"Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"};
constexpr const char* kBoxes = "BBox_List_2017.csv";
constexpr const char* kNoFinding = "No Finding";

struct EntryColumns {
  std::size_t image, labels, patient, age, sex, view;

  explicit EntryColumns(const CsvReader& csv)
      : image(csv.column("Image Index")),
        labels(csv.column("Finding Labels")),
        patient(csv.column("Patient ID")),
        age(csv.column("Patient Age")),
        sex(csv.find_column("Patient Sex") ? csv.column("Patient Sex")
                                           : csv.column("Patient Gender")),
        view(csv.column("View Position")) {}
};

// The corpus's own lists of image names; none where there is no list of test images.
class Lists {
 public:
  explicit Lists(const fs::path& root) {
    const auto test = find_table(root, {"test_list.txt"});
    const auto train = find_table(root, {"train_val_list.txt"});
    if (!test) return;
    there_ = true;
    has_train_ = train.has_value();
    if (train) add(*train, Split::kTrain);
    add(*test, Split::kTest);
  }

  bool there() const { return there_; }
  std::optional<Split> split_of(const std::string& image) const {
    const auto found = splits_.find(image);
    if (found != splits_.end()) return found->second;
    if (there_ && has_train_) return std::nullopt;
    return Split::kTrain;
  }

 private:
  void add(const fs::path& list, Split split) {
    for (auto& [number, image] : read_list(list)) splits_[image] = split;
  }

  bool there_ = false, has_train_ = false;
  std::unordered_map<std::string, Split> splits_;
};

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        images_(options.root),
        lists_(options.root),
        known_(known_labels("nih")) {}

  std::vector<Study> read() {
    const fs::path table = require_table(options_.root, kEntries);
    CsvReader csv(table);
    const EntryColumns columns(csv);
    FunnelStage& stage = funnel_.stage("rows read", "rows");
    funnel_.stage("ages believed", "ages");
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      add_entry(row, columns, place, table);
    });
    read_boxes();
    images_.count_unused(funnel_.stage("image files", "files"));
    return studies_.take();
  }

 private:
  void add_entry(const CsvRow& row, const EntryColumns& columns, const std::string& place,
                 const fs::path& table) {
    FunnelStage& stage = funnel_.stage("rows read", "rows");
    const std::string image = field(row, columns.image), patient = field(row, columns.patient);
    const std::string example = place + ": " + image;
    if (image.empty()) return stage.reject("row without an image", place);
    if (patient.empty()) return stage.reject("row without a patient", example);
    const std::vector<std::string> labels = parts(field(row, columns.labels), "|");
    if (labels.empty()) return stage.reject("row without labels", example);
    for (const std::string& label : labels)
      if (std::find(known_.begin(), known_.end(), label) == known_.end())
        return stage.reject("unknown label",
                            example + ", '" + label + "'" + did_you_mean(label, known_));
    if (labels.size() > 1 && std::find(labels.begin(), labels.end(), kNoFinding) != labels.end())
      return stage.reject("No Finding beside a finding", example);
    const std::optional<Split> listed = lists_.split_of(image);
    if (!listed) return stage.reject("image in neither list", example);
    const auto [study, fresh] = studies_.add(image, patient, table, row.number);
    if (!fresh) return stage.drop("repeated row", example);
    stage.pass();
    for (const std::string& label : known_) study->labels[label] = 0;
    for (const std::string& label : labels) study->labels[label] = 1;
    study->split = place_in_split(patient, *listed, lists_.there(), options_);
    study->sex = parse_sex(field(row, columns.sex));
    read_age(field(row, columns.age), example, funnel_.stage("ages believed", "ages"), *study);
    View view;
    view.path = images_.find(image, "images/" + image);
    view.view = parse_view(field(row, columns.view)).value_or(ViewPosition::kUnknown);
    study->views.push_back(view);
  }

  void read_boxes() {
    const auto table = find_table(options_.root, {kBoxes});
    if (!table) return;
    CsvReader csv(*table);
    // "Bbox [x,y,w,h]" is not quoted: the comma parts it into four names.
    const std::size_t image = csv.column("Image Index"), label = csv.column("Finding Label"),
                      first = csv.column("Bbox [x");
    FunnelStage& stage = funnel_.stage("boxes joined to images", "boxes");
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      std::vector<std::string> numbers;
      for (std::size_t i = first; i < std::min(first + 4, row.fields.size()); ++i)
        numbers.push_back(row.fields[i]);
      add_box(field(row, image), field(row, label), numbers, place);
    });
  }

  void add_box(const std::string& image, std::string label, const std::vector<std::string>& numbers,
               const std::string& place) {
    FunnelStage& stage = funnel_.stage("boxes joined to images", "boxes");
    const std::string example = place + ": " + image + ", '" + label + "'";
    Study* study = studies_.find(image);
    if (study == nullptr) return stage.drop("box of an image without an entry", example);
    if (label == "Infiltrate") label = "Infiltration";
    if (std::find(known_.begin(), known_.end(), label) == known_.end())
      return stage.reject("unknown label", example + did_you_mean(label, known_));
    BoxResult result = box_of_corner_and_size(label, numbers);
    if (!result.problem.empty()) return stage.reject(result.problem, example);
    study->boxes.push_back(result.box);
    stage.pass();
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  ImageIndex images_;
  Lists lists_;
  std::vector<std::string> known_;
  StudyTable studies_;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

Corpus nih_corpus() {
  return {.name = "nih",
          .summary = "NIH ChestX-ray14: 14 labels, boxes of eight of them",
          .tree =
              "Data_Entry_2017_v2020.csv or Data_Entry_2017.csv\n"
              "BBox_List_2017.csv                 (may be absent)\n"
              "train_val_list.txt, test_list.txt  (may be absent)\n"
              "images/00000001_000.png, or in any other folders (images_001/images/...)\n",
          .needs = {{"Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"}},
          .read = &read,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
