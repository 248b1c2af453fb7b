#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace biplane {

// The findings the phantom can show. Order and names are part of the manifest; append only.
enum class FindingKind {
  kPleuralEffusion,
  kPosteriorEffusion,
  kPneumothorax,
  kConsolidation,
  kRetrocardiacConsolidation,
  kAtelectasis,
  kCardiomegaly,
  kEdema,
  kNodule,
  kMass,
  kEmphysema,
  kVertebralFracture,
  kHiatalHernia,
  kPacemaker,
  kCentralLine,
  kRibFracture,
  kTube,
};
inline constexpr int kFindingKinds = 17;

enum class Side { kRight, kLeft, kBoth, kMidline };
enum class Zone { kUpper, kMiddle, kLower, kNone };

// Everything that is said about a finding, independent of the body it is placed in.
struct Finding {
  FindingKind kind = FindingKind::kPleuralEffusion;
  Side side = Side::kMidline;
  Zone zone = Zone::kNone;
  int grade = 1;         // 0 small or mild, 1 moderate, 2 large or severe
  double extent = 0.5;   // position inside the grade, [0, 1)
  double depth = 0.5;    // from the front (0) to the back (1), where the finding is free to lie
  double lateral = 0.5;  // from the mediastinum (0) to the chest wall (1)
  double height = 0.5;  // inside its zone, from below (0) to above (1); vertebra: T8 (0) .. T11 (1)
  bool operator==(const Finding&) const = default;
};

const char* finding_name(FindingKind kind);  // "pleural_effusion", ...
// All names in the order of the enumeration.
const std::array<std::string, kFindingKinds>& finding_names();
// Expected share of studies with the finding where findings are independent. The complements
// multiply to a third: studies without any.
double finding_prevalence(FindingKind kind);
// CheXpert-14 labels that the finding implies; empty where that set has none.
const std::vector<std::string>& chexpert_labels(FindingKind kind);

inline constexpr int kGrades = 3;  // of every finding, equally often

inline std::uint32_t finding_bit(FindingKind kind) { return 1U << static_cast<unsigned>(kind); }

// Independent of each other, or as diseases bring them together (co_occurrence.h).
enum class CoOccurrence { kIndependent, kClinical };

struct FindingRules {
  CoOccurrence co_occurrence = CoOccurrence::kIndependent;
  std::uint32_t left_out = 0;  // bits of the findings that never show; all else stays as it is
};

// The findings of one study, in the order of the enumeration: a pure function of its arguments.
std::vector<Finding> draw_findings(std::uint64_t seed, std::uint64_t study,
                                   const FindingRules& rules = {});

}  // namespace biplane
