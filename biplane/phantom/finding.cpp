#include "biplane/phantom/finding.h"

#include "biplane/core/random.h"
#include "biplane/phantom/co_occurrence.h"

namespace biplane {
namespace {

struct Kind {
  const char* name;
  double prevalence;
  std::vector<std::string> chexpert;
};

// In the order of FindingKind. Products of the complements: 0.33 without any finding.
const std::array<Kind, kFindingKinds>& kinds() {
  static const std::array<Kind, kFindingKinds> table = {{
      {"pleural_effusion", 0.08, {"Pleural Effusion"}},
      {"posterior_effusion", 0.07, {"Pleural Effusion"}},
      {"pneumothorax", 0.06, {"Pneumothorax"}},
      {"consolidation", 0.07, {"Consolidation", "Lung Opacity"}},
      {"retrocardiac_consolidation", 0.07, {"Consolidation", "Lung Opacity"}},
      {"atelectasis", 0.06, {"Atelectasis", "Lung Opacity"}},
      {"cardiomegaly", 0.07, {"Cardiomegaly"}},
      {"edema", 0.06, {"Edema", "Lung Opacity"}},
      {"nodule", 0.06, {"Lung Lesion"}},
      {"mass", 0.055, {"Lung Lesion"}},
      {"emphysema", 0.055, {}},
      {"vertebral_fracture", 0.07, {"Fracture"}},
      {"hiatal_hernia", 0.055, {}},
      {"pacemaker", 0.055, {"Support Devices"}},
      {"central_line", 0.055, {"Support Devices"}},
      {"rib_fracture", 0.06, {"Fracture"}},
      {"tube", 0.055, {"Support Devices"}},
  }};
  return table;
}

const Kind& kind_row(FindingKind kind) { return kinds()[static_cast<std::size_t>(kind)]; }

Side draw_side(FindingKind kind, CounterRandom& random) {
  const double u = random.uniform();
  switch (kind) {
    case FindingKind::kPleuralEffusion:
      return u < 0.4 ? Side::kRight : u < 0.8 ? Side::kLeft : Side::kBoth;
    case FindingKind::kPosteriorEffusion:
      return u < 0.2 ? Side::kRight : u < 0.4 ? Side::kLeft : Side::kBoth;
    case FindingKind::kPneumothorax:
    case FindingKind::kConsolidation:
    case FindingKind::kAtelectasis:
    case FindingKind::kNodule:
    case FindingKind::kMass:
    case FindingKind::kRibFracture:
      return u < 0.5 ? Side::kRight : Side::kLeft;
    case FindingKind::kPacemaker:
      return u < 0.8 ? Side::kLeft : Side::kRight;
    case FindingKind::kCentralLine:
      return u < 0.7 ? Side::kRight : Side::kLeft;
    case FindingKind::kRetrocardiacConsolidation:
      return Side::kLeft;
    case FindingKind::kEdema:
    case FindingKind::kEmphysema:
      return Side::kBoth;
    default:
      return Side::kMidline;
  }
}

Zone draw_zone(FindingKind kind, CounterRandom& random) {
  const Zone zone = static_cast<Zone>(random.below(3));
  switch (kind) {
    case FindingKind::kConsolidation:
    case FindingKind::kNodule:
    case FindingKind::kMass:
      return zone;
    case FindingKind::kAtelectasis:
      return zone == Zone::kUpper ? Zone::kMiddle : Zone::kLower;
    default:
      return Zone::kNone;
  }
}

// Fluid of the whole pleural space covers the posterior sulcus of its side, so the small one is
// placed on the other side; both stay independent in whether they occur.
void part_effusions(std::vector<Finding>& findings) {
  Finding* pleural = nullptr;
  Finding* posterior = nullptr;
  for (Finding& finding : findings) {
    if (finding.kind == FindingKind::kPleuralEffusion) pleural = &finding;
    if (finding.kind == FindingKind::kPosteriorEffusion) posterior = &finding;
  }
  if (pleural == nullptr || posterior == nullptr) return;
  if (pleural->side == Side::kBoth)
    pleural->side = pleural->extent < 0.5 ? Side::kRight : Side::kLeft;
  posterior->side = pleural->side == Side::kRight ? Side::kLeft : Side::kRight;
}

}  // namespace

const char* finding_name(FindingKind kind) { return kind_row(kind).name; }
double finding_prevalence(FindingKind kind) { return kind_row(kind).prevalence; }
const std::vector<std::string>& chexpert_labels(FindingKind kind) {
  return kind_row(kind).chexpert;
}

const std::array<std::string, kFindingKinds>& finding_names() {
  static const std::array<std::string, kFindingKinds> names = [] {
    std::array<std::string, kFindingKinds> list;
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = kinds()[i].name;
    return list;
  }();
  return names;
}

std::vector<Finding> draw_findings(std::uint64_t seed, std::uint64_t study,
                                   const FindingRules& rules) {
  std::vector<Finding> findings;
  for (int i = 0; i < kFindingKinds; ++i) {
    CounterRandom random(seed, "phantom/finding", {study, static_cast<std::uint64_t>(i)});
    Finding finding;
    finding.kind = static_cast<FindingKind>(i);
    random.uniform();  // decides in finding_occurs
    if ((rules.left_out & finding_bit(finding.kind)) != 0 ||
        !finding_occurs(finding.kind, rules, seed, study))
      continue;
    finding.side = draw_side(finding.kind, random);
    finding.zone = draw_zone(finding.kind, random);
    finding.grade = static_cast<int>(random.below(kGrades));
    finding.extent = random.uniform();
    finding.depth = random.uniform();
    finding.lateral = random.uniform();
    finding.height = random.uniform();
    findings.push_back(finding);
  }
  part_effusions(findings);
  return findings;
}

}  // namespace biplane
