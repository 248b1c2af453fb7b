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

std::int64_t keep_views(Study& study, const std::vector<std::size_t>& kept) {
  std::vector<View> views;
  views.reserve(kept.size());
  std::vector<std::int64_t> new_place(study.views.size(), -1);
  for (const std::size_t i : kept) {
    new_place[i] = static_cast<std::int64_t>(views.size());
    views.push_back(std::move(study.views[i]));
  }
  study.views = std::move(views);
  std::size_t lost = 0;
  const auto follow = [&](auto& parts) {
    for (auto& part : parts) part.view = new_place.at(static_cast<std::size_t>(part.view));
    lost += std::erase_if(parts, [](const auto& part) { return part.view < 0; });
  };
  follow(study.boxes);
  follow(study.masks);
  return static_cast<std::int64_t>(lost);
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
