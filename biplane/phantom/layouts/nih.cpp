// NIH ChestX-ray14.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "biplane/phantom/label_maps.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"

namespace biplane {
namespace {

enum Table : std::size_t { kEntries, kBoxes, kTrainList, kTestList };

// Names in the order of the alphabet.
constexpr std::array kLabels = {"Atelectasis", "Cardiomegaly", "Consolidation", "Edema",
                                "Effusion",    "Emphysema",    "Hernia",        "Infiltration",
                                "Mass",        "Nodule",       "Pneumothorax"};

void name_views(const StudyPlace& place, const std::string& ending, std::int64_t, Study& study) {
  for (View& view : study.views)
    view.path = "images/" + padded(patient_number(place), 8) + "_" +
                padded(place.study_of_patient, 3) + ending;
}

std::string finding_labels(const Study& study, NoiseStream& noise) {
  const std::vector<std::string> truth = nih_labels(study);
  std::vector<std::string> written;
  for (const char* label : kLabels) {
    const bool present = std::find(truth.begin(), truth.end(), label) != truth.end();
    if (present != noise.misreads(present, nih_prevalence(label))) written.emplace_back(label);
  }
  return written.empty() ? "No Finding" : fmt::format("{}", fmt::join(written, "|"));
}

LayoutEntry describe(const LayoutStudy& made) {
  const Study& study = made.study;
  const View& view = study.views.front();
  const std::string image = view.path.substr(view.path.rfind('/') + 1);
  NoiseStream noise = made.stream("nih");
  const std::string labels = finding_labels(study, noise);
  // Some ages are impossible in the real table.
  const std::int64_t age = noise.quirk() ? 148 + noise.random().below(265)
                                         : static_cast<std::int64_t>(study.age.value_or(0));
  const double spacing = made.images.front().spacing;
  LayoutEntry entry;
  entry.rows.emplace_back(
      kEntries, fmt::format("{},{},{},{},{},{},{},{},{},{},{}", image, labels,
                            made.place.study_of_patient, patient_number(made.place), age, study.sex,
                            view_name(view.view), view.cols, view.rows, spacing, spacing));
  for (const Box& box : study.boxes) {
    const char* label = corpus_labels(box.label).nih_box;
    if (label == nullptr) continue;
    entry.rows.emplace_back(kBoxes, fmt::format("{},{},{:.15g},{:.15g},{:.15g},{:.15g}", image,
                                                label, box.x, box.y, box.w, box.h));
  }
  entry.rows.emplace_back(study.split == Split::kTest ? kTestList : kTrainList, image);
  return entry;
}

}  // namespace

Layout nih_layout() {
  return {.name = "nih",
          .summary = "NIH ChestX-ray14: Data_Entry_2017_v2020.csv, BBox_List_2017.csv, two lists",
          .formats = {"png"},
          .laterals = false,
          .styles = {"archive"},
          .noise = {.flip = 0.1, .quirk = 0.002},
          .tables = {{"Data_Entry_2017_v2020.csv",
                      "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient "
                      "Gender,View Position,OriginalImage[Width,Height],"
                      "OriginalImagePixelSpacing[x,y]"},
                     {"BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,"},
                     {"train_val_list.txt", ""},
                     {"test_list.txt", ""}},
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane
