#include "biplane/phantom/label_maps.h"

#include <algorithm>
#include <map>
#include <set>

#include "biplane/core/error.h"
#include "biplane/phantom/finding.h"

namespace biplane {
namespace {

// Consolidation is what NIH's text mining calls consolidation and infiltration; boxes there say
// "Infiltrate". Edema, the phantom's only bilateral opacity, stands for COVID-19.
const std::map<std::string, CorpusLabels>& table() {
  constexpr ForeignShape kNone = ForeignShape::kNone;
  static const std::map<std::string, CorpusLabels> rows = {
      {"pleural_effusion", {{"Effusion"}, "Effusion", false, nullptr, "Pleural Effusion", kNone}},
      {"posterior_effusion",
       {{"Effusion"}, "Effusion", false, nullptr, "Costophrenic Angle/posterior/blunted", kNone}},
      {"pneumothorax", {{"Pneumothorax"}, "Pneumothorax", false, nullptr, "Pneumothorax", kNone}},
      {"consolidation",
       {{"Consolidation", "Infiltration"},
        "Infiltrate",
        true,
        "pneumonia",
        "Consolidation",
        kNone}},
      {"retrocardiac_consolidation",
       {{"Consolidation", "Infiltration"},
        "Infiltrate",
        true,
        "pneumonia",
        "Opacity/lung/base/left/retrocardiac",
        kNone}},
      {"atelectasis",
       {{"Atelectasis"}, "Atelectasis", false, nullptr, "Pulmonary Atelectasis", kNone}},
      {"cardiomegaly", {{"Cardiomegaly"}, "Cardiomegaly", false, nullptr, "Cardiomegaly", kNone}},
      {"edema", {{"Edema"}, nullptr, false, "COVID-19", "Pulmonary Edema", kNone}},
      {"nodule", {{"Nodule"}, "Nodule", false, nullptr, "Nodule/lung", kNone}},
      {"mass", {{"Mass"}, "Mass", false, nullptr, "Mass/lung", kNone}},
      {"emphysema", {{"Emphysema"}, nullptr, false, nullptr, "Pulmonary Emphysema", kNone}},
      {"vertebral_fracture",
       {{}, nullptr, false, nullptr, "Fractures, Bone/thoracic vertebrae", kNone}},
      {"rib_fracture", {{}, nullptr, false, nullptr, "Fractures, Bone/ribs", kNone}},
      {"hiatal_hernia", {{"Hernia"}, nullptr, false, nullptr, "Hernia, Hiatal", kNone}},
      {"pacemaker",
       {{}, nullptr, false, nullptr, "Implanted Medical Device", ForeignShape::kEllipse}},
      {"central_line",
       {{}, nullptr, false, nullptr, "Catheters, Indwelling", ForeignShape::kPolygon}},
      {"tube", {{}, nullptr, false, nullptr, "Tube, Inserted", ForeignShape::kPolygon}},
      {kSternotomyWires, {{}, nullptr, false, nullptr, "Sternotomy", ForeignShape::kRectangle}},
      {kClips, {{}, nullptr, false, nullptr, "Surgical Instruments", ForeignShape::kRectangle}},
  };
  return rows;
}

}  // namespace

const CorpusLabels& corpus_labels(const std::string& label) {
  const auto found = table().find(label);
  if (found == table().end())
    throw Error(ErrorKind::kFailure, "phantom: the corpora have no name for '" + label + "'");
  return found->second;
}

std::vector<std::string> nih_labels(const Study& study) {
  std::set<std::string> labels;
  for (const auto& [finding, value] : study.labels)
    if (value == 1)
      for (const char* label : corpus_labels(finding).nih) labels.insert(label);
  return {labels.begin(), labels.end()};
}

double nih_prevalence(const std::string& label) {
  double without = 1;
  for (int i = 0; i < kFindingKinds; ++i) {
    const auto kind = static_cast<FindingKind>(i);
    const std::vector<const char*>& own = corpus_labels(finding_name(kind)).nih;
    if (std::find(own.begin(), own.end(), label) != own.end())
      without *= 1 - finding_prevalence(kind);
  }
  return 1 - without;
}

const char* covidx_class(const Study& study) {
  const char* name = "normal";
  for (const auto& [finding, value] : study.labels) {
    const char* own = corpus_labels(finding).covidx;
    if (value != 1 || own == nullptr) continue;
    if (std::string(name) != "COVID-19") name = own;
  }
  return name;
}

}  // namespace biplane
