// VinDr-CXR, as on PhysioNet and as in the Kaggle competition.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTrainTables = {"annotations/annotations_train.csv",
                                               "annotations_train.csv", "train.csv"};
const std::vector<std::string> kTestTables = {"annotations/annotations_test.csv",
                                              "annotations_test.csv"};
constexpr const char* kNoFinding = "No finding";

struct Columns {
  std::size_t image, label;
  std::optional<std::size_t> reader;  // the test set has one opinion of five readers
  std::array<std::size_t, 4> box;

  explicit Columns(const CsvReader& csv)
      : image(csv.column("image_id")),
        label(csv.column("class_name")),
        reader(csv.find_column("rad_id")),
        box{csv.column("x_min"), csv.column("y_min"), csv.column("x_max"), csv.column("y_max")} {}
};

// Who saw what in an image.
using Opinions = std::map<std::string, std::set<std::string>>;  // reader -> labels

// Present by two readers, or by all there are; by one of several: uncertain.
int vote(const Opinions& opinions, const std::string& label) {
  const auto votes = std::count_if(opinions.begin(), opinions.end(), [&](const auto& opinion) {
    return opinion.second.contains(label);
  });
  if (votes == 0) return 0;
  return votes >= 2 || opinions.size() == 1 ? 1 : -1;
}

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        stage_(funnel.stage("rows grouped into images", "rows")),
        images_(options.root),
        known_(known_labels("vindr")) {}

  std::vector<Study> read(Funnel& funnel) {
    const fs::path train = require_table(options_.root, kTrainTables);
    const auto test = find_table(options_.root, kTestTables);
    own_test_ = test.has_value();
    read_table(train, Split::kTrain);
    if (test) read_table(*test, Split::kTest);
    images_.count_unused(funnel.stage("image files", "files"));
    std::vector<Study> studies = studies_.take();
    for (Study& study : studies)
      for (const std::string& label : seen_)
        study.labels[label] = vote(opinions_.at(study.study_id), label);
    return studies;
  }

 private:
  void read_table(const fs::path& table, Split split) {
    CsvReader csv(table);
    const Columns columns(csv);
    each_row(csv, stage_, [&](const CsvRow& row, const std::string& place) {
      add_row(row, columns, place, table, split);
    });
  }

  void add_row(const CsvRow& row, const Columns& columns, const std::string& place,
               const fs::path& table, Split split) {
    const std::string image = field(row, columns.image), label = field(row, columns.label),
                      reader = field(row, columns.reader);
    const std::string example = place + ": " + image + ", '" + label + "'";
    if (image.empty()) return stage_.reject("row without an image", place);
    if (std::find(known_.begin(), known_.end(), label) == known_.end())
      return stage_.reject("unknown class", example + did_you_mean(label, known_));
    std::vector<std::string> numbers;
    for (const std::size_t column : columns.box) numbers.push_back(field(row, column));
    const bool none = label == kNoFinding;
    BoxResult result;
    if (!none) result = box_of_corners(label, numbers);
    if (!result.problem.empty()) return stage_.reject(result.problem, example);
    result.box.reader = reader;
    const auto [study, fresh] = studies_.add(image, image, table, row.number);
    if (study->source_file != table.filename().string())
      return stage_.reject("image in two tables", example);
    std::set<std::string>& own = opinions_[image][reader];
    if (!own.empty() && none != own.contains(kNoFinding))
      return stage_.reject("No finding beside a finding of one reader", example + ", " + reader);
    const bool repeated = none ? own.contains(label) : has_box(*study, result.box);
    if (fresh) {
      start(*study, split);
      stage_.pass();
    } else {
      stage_.drop(repeated ? "repeated row" : "merged: further row of an image", example);
    }
    if (!none && !repeated) study->boxes.push_back(result.box);
    own.insert(label);
    seen_.insert(label);
  }

  static bool has_box(const Study& study, const Box& box) {
    return std::any_of(study.boxes.begin(), study.boxes.end(), [&](const Box& other) {
      return other.label == box.label && other.reader == box.reader && same_place(other, box);
    });
  }

  void start(Study& study, Split split) {
    const std::string folder = split == Split::kTest ? "test/" : "train/";
    View view;
    view.path = images_.find(study.study_id, folder + study.study_id + ".dicom");
    study.views.push_back(view);
    study.split = place_in_split(study.patient_id, split, own_test_, options_);
  }

  const PrepareOptions& options_;
  FunnelStage& stage_;
  ImageIndex images_;
  std::vector<std::string> known_;
  StudyTable studies_;
  std::unordered_map<std::string, Opinions> opinions_;
  std::set<std::string> seen_;  // labels that the tables use: every image was read for them
  bool own_test_ = false;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read(funnel);
}

}  // namespace

Corpus vindr_corpus() {
  return {.name = "vindr",
          .summary = "VinDr-CXR (PhysioNet or Kaggle): boxes by up to three readers",
          .tree =
              "annotations/annotations_train.csv  image_id,rad_id,class_name,x_min,y_min,x_max,"
              "y_max\n"
              "annotations/annotations_test.csv   the same without rad_id (may be absent)\n"
              "  or, as on Kaggle: train.csv      image_id,class_name,class_id,rad_id,x_min,...\n"
              "train/IMAGE.dicom, test/IMAGE.dicom, or PNG of the original size\n",
          .needs = {{"annotations/annotations_train.csv", "annotations_train.csv", "train.csv"}},
          .read = &read,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
