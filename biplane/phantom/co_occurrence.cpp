#include "biplane/phantom/co_occurrence.h"

#include <algorithm>

#include "biplane/core/random.h"

namespace biplane {
namespace {

using enum FindingKind;

constexpr std::array kLinks = std::to_array<ClinicalLink>({
    {kCardiomegaly, kEdema, 0.35},      // heart failure
    {kEdema, kPleuralEffusion, 0.45},   //
    {kCardiomegaly, kPacemaker, 0.30},  //
    {kPleuralEffusion, kAtelectasis, 0.30},
    {kTube, kCentralLine, 0.60},        // intensive care
    {kEmphysema, kPneumothorax, 0.30},  // ruptured bullae
    {kEmphysema, kMass, 0.20},          // tobacco
    {kMass, kNodule, 0.30},             // metastases
    {kRibFracture, kVertebralFracture, 0.25},
    {kVertebralFracture, kHiatalHernia, 0.20},           // age
    {kConsolidation, kRetrocardiacConsolidation, 0.30},  // pneumonia of several lobes
    {kRetrocardiacConsolidation, kPosteriorEffusion, 0.25},
});
constexpr double kClinicalFactor = 1.23;  // of all prevalences: a third of the studies stays normal

const ClinicalLink* link_to(FindingKind kind, const FindingRules& rules) {
  if (rules.co_occurrence == CoOccurrence::kIndependent) return nullptr;
  const auto found = std::find_if(kLinks.begin(), kLinks.end(),
                                  [&](const ClinicalLink& link) { return link.finding == kind; });
  return found == kLinks.end() ? nullptr : &*found;
}

// Share of studies with the finding among those with, or without, its cause: both together keep the
// finding's share.
double chance(const ClinicalLink& link, bool with_cause) {
  if (with_cause) return link.share;
  const double cause = finding_share(link.cause, CoOccurrence::kClinical);
  return (finding_share(link.finding, CoOccurrence::kClinical) - link.share * cause) / (1 - cause);
}

double expected_weight(FindingKind kind, double share, const FindingRules& rules, double weight);

// Expectation over everything that follows from a finding, given whether it occurs, of the product
// of `weight` over the findings that show.
double weight_given(FindingKind kind, bool occurs, const FindingRules& rules, double weight) {
  double value = occurs && (rules.left_out & finding_bit(kind)) == 0 ? weight : 1.0;
  if (rules.co_occurrence == CoOccurrence::kIndependent) return value;
  for (const ClinicalLink& link : kLinks)
    if (link.cause == kind)
      value *= expected_weight(link.finding, chance(link, occurs), rules, weight);
  return value;
}

double expected_weight(FindingKind kind, double share, const FindingRules& rules, double weight) {
  return share * weight_given(kind, true, rules, weight) +
         (1 - share) * weight_given(kind, false, rules, weight);
}

// Expectation of the product of `weight` over a study's findings: a probability that each of them
// passes a test.
double expected_product(const FindingRules& rules, double weight) {
  double product = 1;
  for (int i = 0; i < kFindingKinds; ++i) {
    const FindingKind kind = static_cast<FindingKind>(i);
    if (link_to(kind, rules) == nullptr)
      product *= expected_weight(kind, finding_share(kind, rules.co_occurrence), rules, weight);
  }
  return product;
}

}  // namespace

std::span<const ClinicalLink> clinical_links() { return kLinks; }

double finding_share(FindingKind kind, CoOccurrence co_occurrence) {
  return finding_prevalence(kind) *
         (co_occurrence == CoOccurrence::kClinical ? kClinicalFactor : 1.0);
}

bool finding_occurs(FindingKind kind, const FindingRules& rules, std::uint64_t seed,
                    std::uint64_t study) {
  const ClinicalLink* link = link_to(kind, rules);
  const double share = link == nullptr
                           ? finding_share(kind, rules.co_occurrence)
                           : chance(*link, finding_occurs(link->cause, rules, seed, study));
  return CounterRandom(seed, "phantom/finding", {study, static_cast<std::uint64_t>(kind)})
      .bernoulli(share);
}

Severity severity_of(const std::vector<Finding>& findings) {
  if (findings.empty()) return Severity::kNone;
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.grade == kGrades - 1; })
             ? Severity::kSevere
             : Severity::kModerate;
}

std::array<double, kSeverities> severity_shares(const FindingRules& rules) {
  const double none = expected_product(rules, 0),
               not_severe = expected_product(rules, 1 - 1.0 / kGrades);
  return {none, not_severe - none, 1 - not_severe};
}

std::array<double, kSeverities> biased_shares(const FindingRules& rules, double overall) {
  constexpr std::array<double, kSeverities> kWeights = {1, 2, 4};
  const std::array<double, kSeverities> shares = severity_shares(rules);
  double mean = 0;
  for (std::size_t i = 0; i < kWeights.size(); ++i) mean += shares[i] * kWeights[i];
  std::array<double, kSeverities> missing{};
  for (std::size_t i = 0; i < kWeights.size(); ++i) missing[i] = overall * kWeights[i] / mean;
  return missing;
}

}  // namespace biplane
