#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "biplane/phantom/finding.h"

namespace biplane {

// When a study has `cause`, it has `finding` with this probability. A finding has one cause at
// most, so that every share below has a closed form.
struct ClinicalLink {
  FindingKind cause, finding;
  double share = 0;
};
// The table that CoOccurrence::kClinical draws by.
std::span<const ClinicalLink> clinical_links();

// Expected share of studies with the finding, where no finding is left out. Findings that come
// together leave more studies without any, so clinical shares are larger by one factor, and a third
// is normal either way.
double finding_share(FindingKind kind, CoOccurrence co_occurrence);

// Whether chance gives a study the finding, `rules.left_out` aside: u < its share, or its share
// given the cause, with u from the study's own stream. Pure function of its arguments.
bool finding_occurs(FindingKind kind, const FindingRules& rules, std::uint64_t seed,
                    std::uint64_t study);

// How ill a study looks: without a finding; with one of grade 2 at least; else between.
enum class Severity { kNone, kModerate, kSevere };
inline constexpr int kSeverities = 3;
Severity severity_of(const std::vector<Finding>& findings);
// Expected share of studies of each severity; exact.
std::array<double, kSeverities> severity_shares(const FindingRules& rules);

// Share of studies of each severity that lack the lateral, so that the sicker lack it more often
// (1 : 2 : 4) and the share of all of them is `overall`.
std::array<double, kSeverities> biased_shares(const FindingRules& rules, double overall);

}  // namespace biplane
