// RSNA Pneumonia Detection Challenge, stage 2.
#include <fmt/format.h>

#include "biplane/phantom/finding.h"
#include "biplane/phantom/label_maps.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"

namespace biplane {
namespace {

enum Table : std::size_t { kLabels, kClasses };

std::string patient_of(const Study& study) { return text_uuid(study.study_id + "/rsna"); }

void name_views(const StudyPlace&, const std::string& ending, std::int64_t, Study& study) {
  for (View& view : study.views) view.path = "stage_2_train_images/" + patient_of(study) + ending;
}

std::vector<Box> opacities(const Study& study) {
  std::vector<Box> boxes;
  for (const Box& box : study.boxes)
    if (corpus_labels(box.label).rsna_opacity) boxes.push_back(box);
  return boxes;
}

// One row a box, and as many in the table of classes; one with blanks where there is no box.
LayoutEntry describe(const LayoutStudy& made) {
  const std::string patient = patient_of(made.study);
  std::vector<Box> boxes = opacities(made.study);
  NoiseStream noise = made.stream("rsna");
  // Those behind the heart hardly show in a frontal.
  if (noise.misreads(!boxes.empty(), finding_prevalence(FindingKind::kConsolidation))) {
    if (boxes.empty()) {
      const View& view = made.study.views.front();
      const RegionBox box = noise.spurious_box(view.rows, view.cols);
      boxes.push_back({0, "", double(box.x), double(box.y), double(box.w), double(box.h), ""});
    } else {
      boxes.clear();
    }
  }
  LayoutEntry entry;
  if (boxes.empty()) {
    const bool normal = made.study.labels_chexpert.at("No Finding") == 1;
    entry.rows = {{kLabels, patient + ",,,,,0"},
                  {kClasses, patient + (normal ? ",Normal" : ",No Lung Opacity / Not Normal")}};
  }
  for (const Box& box : boxes) {
    entry.rows.emplace_back(kLabels, fmt::format("{},{:.1f},{:.1f},{:.1f},{:.1f},1", patient, box.x,
                                                 box.y, box.w, box.h));
    entry.rows.emplace_back(kClasses, patient + ",Lung Opacity");
  }
  return entry;
}

}  // namespace

Layout rsna_layout() {
  return {.name = "rsna",
          .summary = "RSNA Pneumonia: DICOM, boxes of lung opacities",
          .formats = {"dicom"},
          .laterals = false,
          .styles = {"hard"},
          .bits = 12,
          .monochrome1 = 0.1,
          .noise = {.flip = 0.05},
          .tables = {{"stage_2_train_labels.csv", "patientId,x,y,width,height,Target"},
                     {"stage_2_detailed_class_info.csv", "patientId,class"}},
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane
