// Options that change which findings and views a study has.
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <map>

#include "biplane/core/error.h"
#include "biplane/phantom/co_occurrence.h"
#include "biplane/phantom/study_maker.h"
#include "tests/phantom/refusal.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kStudies = 40000;

PhantomOptions many_studies() {
  PhantomOptions options;
  options.studies = kStudies;
  options.test = 10000;
  options.validate = 2000;
  options.seed = 6;
  return options;
}

bool has(const DrawnStudy& study, FindingKind kind) {
  return std::any_of(study.findings.begin(), study.findings.end(),
                     [kind](const Finding& finding) { return finding.kind == kind; });
}

double bound(double share, double count, double deviations = 4) {
  return deviations * std::sqrt(share * (1 - share) / count);
}

std::vector<DrawnStudy> draw_clinical(std::int64_t count) {
  PhantomOptions options = many_studies();
  options.co_occurrence = "clinical";
  std::vector<DrawnStudy> studies;
  for (std::int64_t i = 0; i < count; ++i)
    studies.push_back(draw_study(options, place_study(options, i)));
  return studies;
}

TEST(ClinicalFindings, PrevalencesAreAsStatedAndAThirdIsNormal) {
  const std::vector<DrawnStudy> studies = draw_clinical(kStudies);
  const double n = static_cast<double>(studies.size());
  const auto share = [&](const auto& holds) {
    return static_cast<double>(std::count_if(studies.begin(), studies.end(), holds)) / n;
  };
  EXPECT_NEAR(share([](const DrawnStudy& study) { return study.findings.empty(); }), 1.0 / 3, 0.02);
  for (int k = 0; k < kFindingKinds; ++k) {
    const FindingKind kind = static_cast<FindingKind>(k);
    const double p = finding_share(kind, CoOccurrence::kClinical);
    EXPECT_GE(p, 0.05);
    EXPECT_LE(p, 0.20);
    EXPECT_NEAR(share([&](const DrawnStudy& study) { return has(study, kind); }), p, bound(p, n))
        << finding_name(kind);
  }
}

TEST(ClinicalFindings, FollowTheTable) {
  const std::vector<DrawnStudy> studies = draw_clinical(kStudies);
  for (const ClinicalLink& link : clinical_links()) {
    double causes = 0, both = 0;
    for (const DrawnStudy& study : studies) {
      causes += has(study, link.cause) ? 1 : 0;
      both += has(study, link.cause) && has(study, link.finding) ? 1 : 0;
    }
    EXPECT_NEAR(both / causes, link.share, bound(link.share, causes))
        << finding_name(link.cause) << " " << finding_name(link.finding);
    EXPECT_GT(link.share, 2 * finding_share(link.finding, CoOccurrence::kClinical));
  }
}

// The table's rows form trees, or the shares would not be what they say.
TEST(ClinicalFindings, HaveOneCauseAtMostAndNeverThemselves) {
  for (const ClinicalLink& link : clinical_links()) {
    int causes = 0;
    for (const ClinicalLink& other : clinical_links())
      causes += other.finding == link.finding ? 1 : 0;
    EXPECT_EQ(causes, 1) << finding_name(link.finding);
    FindingKind above = link.finding;
    for (std::size_t step = 0; step < clinical_links().size(); ++step)
      for (const ClinicalLink& other : clinical_links())
        if (other.finding == above) {
          above = other.cause;
          break;
        }
    EXPECT_NE(above, link.finding);
  }
}

TEST(HeldOutFindings, OccurInTestStudiesOnlyAndChangeNothingElse) {
  PhantomOptions options = many_studies(), plain = many_studies();
  options.hold_out = {"mass", "tube"};
  std::array<double, 2> in_test{};
  double tests = 0;
  for (std::int64_t i = 0; i < kStudies; ++i) {
    const StudyPlace place = place_study(options, i);
    const DrawnStudy study = draw_study(options, place);
    std::vector<Finding> expected = draw_study(plain, place).findings;
    if (place.split == Split::kTest) {
      ++tests;
      in_test[0] += has(study, FindingKind::kMass) ? 1 : 0;
      in_test[1] += has(study, FindingKind::kTube) ? 1 : 0;
    } else {
      std::erase_if(expected, [](const Finding& finding) {
        return finding.kind == FindingKind::kMass || finding.kind == FindingKind::kTube;
      });
    }
    ASSERT_EQ(study.findings, expected);
  }
  const double p = finding_prevalence(FindingKind::kMass),
               q = finding_prevalence(FindingKind::kTube);
  EXPECT_NEAR(in_test[0] / tests, p, bound(p, tests));
  EXPECT_NEAR(in_test[1] / tests, q, bound(q, tests));
}

TEST(HeldOutStyles, OccurInTestStudiesOnlyAndChangeNothingElse) {
  PhantomOptions options = many_studies(), plain = many_studies();
  options.hold_out_styles = {"film", "low_dose"};
  std::map<std::string, int> in_training, in_test;
  for (std::int64_t i = 0; i < kStudies; i += 4) {
    const StudyPlace place = place_study(options, i);
    const DrawnStudy study = draw_study(options, place), other = draw_study(plain, place);
    ++(place.split == Split::kTest ? in_test : in_training)[study.acquisition.style.name];
    EXPECT_EQ(study.findings, other.findings);
    EXPECT_EQ(study.taken, other.taken);
  }
  EXPECT_EQ(in_training.count("film") + in_training.count("low_dose"), 0u);
  EXPECT_EQ(in_training.size(), acquisition_styles().size() - 2);
  EXPECT_EQ(in_test.size(), acquisition_styles().size());
}

// Shares of training studies without a lateral and without a frontal, by severity and in all.
struct MissingShares {
  std::array<double, kSeverities> frontal_only{}, studies{};
  double all_frontal_only = 0, all_lateral_only = 0;
};

MissingShares missing_shares(const PhantomOptions& options) {
  MissingShares shares;
  const double train = static_cast<double>(phantom_counts(options).train);
  for (std::int64_t i = 0; i < phantom_counts(options).train; ++i) {
    const DrawnStudy study = draw_study(options, place_study(options, i));
    const std::size_t severity = static_cast<std::size_t>(severity_of(study.findings));
    shares.studies[severity] += 1;
    shares.frontal_only[severity] += study.taken[1] ? 0 : 1;
    shares.all_frontal_only += study.taken[1] ? 0 : 1 / train;
    shares.all_lateral_only += study.taken[0] ? 0 : 1 / train;
  }
  for (std::size_t k = 0; k < kSeverities; ++k) {
    shares.frontal_only[k] /= shares.studies[k];
    shares.studies[k] /= train;
  }
  return shares;
}

void expect_biased(const PhantomOptions& options) {
  const MissingShares shares = missing_shares(options);
  const double train = static_cast<double>(phantom_counts(options).train);
  EXPECT_NEAR(shares.all_frontal_only, 0.25, bound(0.25, train));
  EXPECT_NEAR(shares.all_lateral_only, 0.05, bound(0.05, train));
  const auto expected = severity_shares(finding_rules(options, Split::kTrain));
  for (std::size_t k = 0; k < kSeverities; ++k) {
    EXPECT_NEAR(shares.studies[k], expected[k], bound(expected[k], train));
    const double missing = shares.frontal_only[0] * std::pow(2.0, static_cast<double>(k));
    EXPECT_NEAR(shares.frontal_only[k], missing, 0.05);
  }
}

TEST(MissingViews, AreIndependentOfSeverityByDefault) {
  const MissingShares shares = missing_shares(many_studies());
  for (const double share : shares.frontal_only) EXPECT_NEAR(share, 0.25, 0.02);
}

TEST(MissingViews, BiasedOnesGrowWithSeverityAndKeepTheirShares) {
  PhantomOptions options = many_studies();
  options.missing = "biased";
  expect_biased(options);
  options.co_occurrence = "clinical";
  options.hold_out = {"mass", "cardiomegaly"};
  expect_biased(options);
}

TEST(MissingViews, BiasLeavesTestStudiesWhole) {
  PhantomOptions options = many_studies();
  options.missing = "biased";
  for (std::int64_t i = phantom_counts(options).train; i < kStudies; i += 7) {
    const DrawnStudy study = draw_study(options, place_study(options, i));
    EXPECT_TRUE(study.taken[0] && study.taken[1]);
  }
}

TEST(PhantomOptions, NamesKeyValueAndNearestNameOfABadOne) {
  const auto expect_refused = [](auto change, const std::string& wanted) {
    PhantomOptions options = many_studies();
    change(options);
    EXPECT_THAT(testing::refusal(options), HasSubstr(wanted));
  };
  using O = PhantomOptions;
  expect_refused([](O& o) { o.missing = "bias"; }, "missing must be independent or biased");
  expect_refused([](O& o) { o.co_occurrence = "x"; }, "co_occurrence must be independent or");
  expect_refused([](O& o) { o.hold_out = {"noduel"}; }, "did you mean 'nodule'?");
  expect_refused([](O& o) { o.hold_out = {"mass", "mass"}; }, "'mass' stands once");
  expect_refused([](O& o) { o.hold_out = {"zzzzzzzzzz"}; }, "'zzzzzzzzzz', which is unknown");
  expect_refused(
      [](O& o) {
        o.hold_out = {finding_names().begin(), finding_names().end()};
      },
      "not all");
  expect_refused([](O& o) { o.hold_out_styles = {"flim"}; }, "did you mean 'film'?");
  expect_refused(
      [](O& o) {
        o.hold_out = {"mass"};
        o.test = 0;
      },
      "test must be 1 or more");
  expect_refused(
      [](O& o) {
        o.missing = "biased";
        o.frontal_only = 0.9;
      },
      "frontal_only must be smaller");
  expect_refused(
      [](O& o) {
        o.counterfactual = true;
        o.test = 0;
      },
      "test must be 1 or more");
}

}  // namespace
}  // namespace biplane
