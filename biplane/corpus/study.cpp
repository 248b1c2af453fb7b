#include "biplane/corpus/study.h"

namespace biplane {

const char* view_name(ViewPosition view) {
  switch (view) {
    case ViewPosition::kPA:
      return "PA";
    case ViewPosition::kAP:
      return "AP";
    case ViewPosition::kLateral:
      return "LATERAL";
    case ViewPosition::kUnknown:
      break;
  }
  return "UNKNOWN";
}

const char* split_name(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kValidate:
      return "validate";
    case Split::kTest:
      break;
  }
  return "test";
}

std::optional<ViewPosition> parse_view(const std::string& name) {
  for (const ViewPosition view :
       {ViewPosition::kPA, ViewPosition::kAP, ViewPosition::kLateral, ViewPosition::kUnknown}) {
    if (name == view_name(view)) return view;
  }
  return std::nullopt;
}

std::optional<Split> parse_split(const std::string& name) {
  for (const Split split : {Split::kTrain, Split::kValidate, Split::kTest}) {
    if (name == split_name(split)) return split;
  }
  return std::nullopt;
}

void StudySummary::add(ViewPosition view) {
  ++views;
  has_frontal = has_frontal || is_frontal(view);
  has_lateral = has_lateral || view == ViewPosition::kLateral;
}

StudySummary summary_of(const Study& study) {
  StudySummary summary;
  summary.study_id = study.study_id;
  summary.patient_id = study.patient_id;
  summary.patient_in = study.patient_in;
  summary.split = study.split;
  summary.has_report = !study.report.text.empty();
  summary.language = study.report.language;
  for (const View& view : study.views) summary.add(view.view);
  return summary;
}

}  // namespace biplane
