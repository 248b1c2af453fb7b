// CheXpert v1.0, the small release.
#include "biplane/corpus/chexpert.h"

#include <fmt/format.h>

#include "biplane/formats/csv.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"

namespace biplane {
namespace {

constexpr const char* kRoot = "CheXpert-v1.0-small";

// Folder and table of a split.
const char* folder_of(Split split) {
  return split == Split::kTrain ? "train" : split == Split::kValidate ? "valid" : "test";
}

void name_views(const StudyPlace& place, const std::string& ending, std::int64_t, Study& study) {
  for (std::size_t i = 0; i < study.views.size(); ++i)
    study.views[i].path =
        fmt::format("{}/{}/patient{}/study{}/view{}_{}{}", kRoot, folder_of(place.split),
                    padded(patient_number(place), 5), place.study_of_patient + 1, i + 1,
                    is_frontal(study.views[i].view) ? "frontal" : "lateral", ending);
}

// The labels are the study's and stand in the row of each of its images; those of valid and test
// were read by radiologists.
LayoutEntry describe(const LayoutStudy& made) {
  const Study& study = made.study;
  LayoutStudy read = made;
  if (study.split != Split::kTrain) read.noise = {};
  NoiseStream noise = read.stream("chexpert");
  const std::vector<std::string> order(kChexpertLabels.begin(), kChexpertLabels.end());
  const std::vector<std::string> labels = chexpert_fields(study, order, noise);
  LayoutEntry entry;
  for (const View& view : study.views) {
    const bool lateral = view.view == ViewPosition::kLateral;
    const bool mistaken = noise.quirk() && lateral;  // "Frontal" with the position of a lateral
    std::vector<std::string> fields = {view.path, study.sex == "F" ? "Female" : "Male",
                                       fmt::format("{:.0f}", study.age.value_or(0)),
                                       lateral && !mistaken ? "Lateral" : "Frontal",
                                       mistaken  ? "LL"
                                       : lateral ? ""
                                                 : view_name(view.view)};
    fields.insert(fields.end(), labels.begin(), labels.end());
    entry.rows.emplace_back(static_cast<std::size_t>(study.split), csv_line(fields));
  }
  return entry;
}

}  // namespace

Layout chexpert_layout() {
  const std::string header =
      "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,"
      "Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,"
      "Pleural Effusion,Pleural Other,Fracture,Support Devices";
  const std::string root = std::string(kRoot) + "/";
  return {.name = "chexpert",
          .summary = "CheXpert: train.csv, valid.csv, test.csv with 14 labels",
          .formats = {"jpeg"},
          .second_frontal = 0.03,
          .styles = {"processed", "standard"},
          .noise = {.flip = 0.03, .uncertain = 0.06, .blank = 0.25, .quirk = 0.002},
          .tables = {{root + "train.csv", header},  // in the order of Split
                     {root + "valid.csv", header},
                     {root + "test.csv", header}},
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane
