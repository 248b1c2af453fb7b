#include "biplane/phantom/finding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace biplane {
namespace {

constexpr int kStudies = 40000;

std::vector<std::array<bool, kFindingKinds>> draw_presence() {
  std::vector<std::array<bool, kFindingKinds>> out(kStudies);
  for (int study = 0; study < kStudies; ++study)
    for (const Finding& finding : draw_findings(1, static_cast<std::uint64_t>(study)))
      out[static_cast<std::size_t>(study)][static_cast<std::size_t>(finding.kind)] = true;
  return out;
}

TEST(Findings, PrevalencesAreAsStatedAndAThirdIsNormal) {
  const auto presence = draw_presence();
  int normal = 0;
  std::array<int, kFindingKinds> positive{};
  for (const auto& study : presence) {
    int count = 0;
    for (std::size_t k = 0; k < study.size(); ++k) {
      positive[k] += study[k] ? 1 : 0;
      count += study[k] ? 1 : 0;
    }
    normal += count == 0 ? 1 : 0;
  }
  EXPECT_NEAR(normal / double(kStudies), 1.0 / 3, 0.02);
  for (int k = 0; k < kFindingKinds; ++k) {
    const double p = finding_prevalence(static_cast<FindingKind>(k));
    EXPECT_GE(p, 0.05);
    EXPECT_LE(p, 0.20);
    EXPECT_NEAR(positive[static_cast<std::size_t>(k)] / double(kStudies), p,
                4 * std::sqrt(p * (1 - p) / kStudies));
  }
}

TEST(Findings, AreIndependentOfEachOther) {
  const auto presence = draw_presence();
  for (std::size_t a = 0; a < kFindingKinds; ++a)
    for (std::size_t b = a + 1; b < kFindingKinds; ++b) {
      double pa = 0, pb = 0, both = 0;
      for (const auto& study : presence) {
        pa += study[a] ? 1.0 / kStudies : 0;
        pb += study[b] ? 1.0 / kStudies : 0;
        both += study[a] && study[b] ? 1.0 / kStudies : 0;
      }
      const double correlation = (both - pa * pb) / std::sqrt(pa * (1 - pa) * pb * (1 - pb));
      EXPECT_NEAR(correlation, 0, 4.5 / std::sqrt(double(kStudies)))
          << finding_names()[a] << " " << finding_names()[b];
    }
}

TEST(Findings, PosteriorEffusionNeverLiesUnderAPleuralEffusion) {
  int together = 0;
  for (int study = 0; study < kStudies; ++study) {
    const Finding* pleural = nullptr;
    const Finding* posterior = nullptr;
    const std::vector<Finding> findings = draw_findings(1, static_cast<std::uint64_t>(study));
    for (const Finding& finding : findings) {
      if (finding.kind == FindingKind::kPleuralEffusion) pleural = &finding;
      if (finding.kind == FindingKind::kPosteriorEffusion) posterior = &finding;
    }
    if (pleural == nullptr || posterior == nullptr) continue;
    ++together;
    EXPECT_NE(pleural->side, Side::kBoth);
    EXPECT_NE(posterior->side, Side::kBoth);
    EXPECT_NE(pleural->side, posterior->side);
  }
  EXPECT_GT(together, 100);
}

TEST(Findings, NamesAreDistinctAndArePureFunctionsOfSeedAndStudy) {
  EXPECT_EQ(std::set<std::string>(finding_names().begin(), finding_names().end()).size(),
            static_cast<std::size_t>(kFindingKinds));
  int differ = 0;
  for (std::uint64_t study = 0; study < 200; ++study) {
    EXPECT_EQ(draw_findings(1, study), draw_findings(1, study));
    differ += draw_findings(1, study) != draw_findings(2, study) ? 1 : 0;
  }
  EXPECT_GT(differ, 100);
}

}  // namespace
}  // namespace biplane
