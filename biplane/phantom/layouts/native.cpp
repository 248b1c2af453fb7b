// The phantom's own tree, and the same with a CSV of pairs.
#include "biplane/formats/csv.h"
#include "biplane/phantom/layouts/layout.h"

namespace biplane {
namespace {

// A row of groups.csv, as `evaluate --groups` reads it.
std::string group_row(const LayoutStudy& made) {
  return csv_line({made.study.study_id, made.style});
}

LayoutEntry describe_native(const LayoutStudy& made) { return {.rows = {{0, group_row(made)}}}; }

// A row of studies.csv, as `prepare pairs` reads it by default.
LayoutEntry describe_pairs(const LayoutStudy& made) {
  const Study& study = made.study;
  std::string frontal, lateral, labels;
  for (const View& view : study.views) (is_frontal(view.view) ? frontal : lateral) = view.path;
  for (const auto& [label, value] : study.labels)
    if (value == 1) labels += (labels.empty() ? "" : ";") + label;
  return {.rows = {{1, csv_line({study.study_id, study.patient_id, frontal, lateral,
                                 study.report.text, labels, split_name(study.split)})},
                   {0, group_row(made)}}};
}

}  // namespace

Layout native_layout() {
  return {.name = "native",
          .summary = "the manifest and its images",
          .formats = {"jpeg", "png", "dicom"},
          .monochrome1 = 0.3,
          .tables = {{"groups.csv", "study_id,style"}},
          .describe = &describe_native};
}

Layout pairs_layout() {
  Layout layout = native_layout();
  layout.name = "pairs";
  layout.summary = "studies.csv, a row a study, for `prepare pairs`";
  layout.tables.push_back(
      {"studies.csv", "study_id,patient_id,frontal,lateral,report,labels,split"});
  layout.describe = &describe_pairs;
  return layout;
}

}  // namespace biplane
