// Properties of the metrics, against brute force on random data.
#include "biplane/eval/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/eval/bootstrap.h"
#include "biplane/eval/ranked_bootstrap.h"

namespace biplane {
namespace {

struct Sample {
  std::vector<double> score, weight;
  std::vector<std::uint8_t> positive;
};

Sample random_sample(std::uint64_t seed, int rows) {
  CounterRandom random(seed, "metrics");
  Sample sample;
  for (int i = 0; i < rows; ++i) {
    sample.score.push_back(static_cast<double>(random.below(8)) / 4);  // many ties
    sample.weight.push_back(static_cast<double>(random.below(4)));
    sample.positive.push_back(random.bernoulli(0.4));
  }
  return sample;
}

TEST(Metrics, AurocIsTheChanceThatAPositiveBeatsANegative) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Sample sample = random_sample(seed, 40);
    double won = 0, pairs = 0;
    for (std::size_t i = 0; i < sample.score.size(); ++i) {
      for (std::size_t j = 0; j < sample.score.size(); ++j) {
        if (sample.positive[i] == 0 || sample.positive[j] != 0) continue;
        const double w = sample.weight[i] * sample.weight[j];
        pairs += w;
        won += w * (sample.score[i] > sample.score[j]    ? 1.0
                    : sample.score[i] == sample.score[j] ? 0.5
                                                         : 0.0);
      }
    }
    const auto value = auroc(sample.score, sample.positive, sample.weight);
    ASSERT_TRUE(value.has_value());
    EXPECT_NEAR(*value, won / pairs, 1e-12);
  }
}

TEST(Metrics, WholeWeightsAreRepetitions) {
  const Sample sample = random_sample(3, 50);
  Sample repeated;
  for (std::size_t i = 0; i < sample.score.size(); ++i) {
    for (int times = 0; times < static_cast<int>(sample.weight[i]); ++times) {
      repeated.score.push_back(sample.score[i]);
      repeated.positive.push_back(sample.positive[i]);
    }
  }
  EXPECT_NEAR(*average_precision(sample.score, sample.positive, sample.weight),
              *average_precision(repeated.score, repeated.positive), 1e-12);
  EXPECT_NEAR(macro_f1(confusion(sample.score, sample.positive, 1.0, sample.weight)),
              macro_f1(confusion(repeated.score, repeated.positive, 1.0)), 1e-12);
}

TEST(Metrics, OneClassIsUndefinedAndNeverNan) {
  const std::vector<double> score{0.1, 0.2, 0.3};
  const std::vector<std::uint8_t> none{0, 0, 0}, all{1, 1, 1};
  EXPECT_FALSE(auroc(score, none).has_value());
  EXPECT_FALSE(auroc(score, all).has_value());
  EXPECT_FALSE(average_precision(score, none).has_value());
  EXPECT_FALSE(auroc({}, {}).has_value());
  EXPECT_TRUE(RankedScores(score, none).roc().empty());
  EXPECT_FALSE(youden(score, all).has_value());
}

TEST(Metrics, ANonFiniteScoreIsAnError) {
  const std::vector<double> score{0.1, std::numeric_limits<double>::quiet_NaN()};
  const std::vector<std::uint8_t> positive{0, 1};
  EXPECT_THROW(auroc(score, positive), Error);
  EXPECT_THROW(brier(score, positive), Error);
  EXPECT_THROW(auroc(std::vector<double>{0.1}, positive), Error);
}

TEST(Metrics, RocCurveHasTheAreaAndNoNeedlessPoints) {
  const Sample sample = random_sample(5, 60);
  const RankedScores ranked(sample.score, sample.positive);
  const std::vector<CurvePoint> roc = ranked.roc();
  double area = 0;
  for (std::size_t i = 1; i < roc.size(); ++i)
    area += (roc[i].x - roc[i - 1].x) * (roc[i].y + roc[i - 1].y) / 2;
  EXPECT_NEAR(area, *ranked.auroc(), 1e-12);
  const std::vector<double> perfect{4, 3, 2, 1};
  const std::vector<std::uint8_t> truth{1, 1, 0, 0};
  EXPECT_EQ(RankedScores(perfect, truth).roc().size(), 3U);  // (0,0), (0,1), (1,1)
}

TEST(Metrics, PrecisionAndRecallAtEveryScoreThatFindsAPositive) {
  const std::vector<double> score{0.9, 0.8, 0.8, 0.5, 0.4, 0.1};
  const std::vector<std::uint8_t> truth{0, 1, 0, 0, 1, 0};
  const std::vector<CurvePoint> curve = RankedScores(score, truth).precision_recall();
  ASSERT_EQ(curve.size(), 3U);
  EXPECT_DOUBLE_EQ(curve[0].x, 0);
  EXPECT_DOUBLE_EQ(curve[0].y, 1.0 / 3);
  EXPECT_DOUBLE_EQ(curve[1].x, 0.5);
  EXPECT_DOUBLE_EQ(curve[1].y, 1.0 / 3);
  EXPECT_DOUBLE_EQ(curve[2].x, 1);
  EXPECT_DOUBLE_EQ(curve[2].y, 0.4);
  // Its steps are what average precision sums.
  const Sample sample = random_sample(6, 80);
  const RankedScores ranked(sample.score, sample.positive);
  const std::vector<CurvePoint> steps = ranked.precision_recall();
  double area = 0;
  for (std::size_t i = 1; i < steps.size(); ++i) area += (steps[i].x - steps[i - 1].x) * steps[i].y;
  EXPECT_NEAR(area, *ranked.average_precision(), 1e-12);
}

TEST(Metrics, ConstantFeaturesGetTheLastRank) {
  const std::vector<double> similarity(100, 0.25);
  std::vector<std::int64_t> group(10);
  for (std::size_t i = 0; i < group.size(); ++i) group[i] = static_cast<std::int64_t>(i);
  const auto ranks = retrieval_ranks({similarity, group, group});
  EXPECT_EQ(ranks, std::vector<std::int64_t>(10, 10));
  EXPECT_EQ(*recall_at_k(ranks, 1), 0.0);
}

TEST(Metrics, MedianRankWithWeightsIsThatOfTheRepeatedRanks) {
  const std::vector<std::int64_t> ranks{5, 1, 3};
  EXPECT_EQ(*median_rank(ranks), 3.0);
  EXPECT_EQ(*median_rank(ranks, std::vector<double>{2, 1, 1}), 4.0);
  EXPECT_FALSE(median_rank(ranks, std::vector<double>{0, 0, 0}).has_value());
}

TEST(Bootstrap, RowsOfAPatientAreDrawnTogether) {
  const std::vector<std::string> patients{"b", "a", "b", "c", "a"};
  const PatientBootstrap bootstrap(patients, {50, 7});
  EXPECT_EQ(bootstrap.patients(), 3);
  for (std::int64_t repeat = 0; repeat < bootstrap.repeats(); ++repeat) {
    const std::vector<double> w = bootstrap.weights(repeat);
    EXPECT_EQ(w[0], w[2]);
    EXPECT_EQ(w[1], w[4]);
    EXPECT_EQ(w[0] + w[1] + w[3], 3);
  }
}

TEST(Bootstrap, PoissonDrawsHaveTheSamePatientsWhateverElseIsEvaluated) {
  constexpr std::int64_t kRepeats = 400;
  const BootstrapOptions poisson{kRepeats, 0, BootstrapDraws::kPoisson};
  const std::vector<std::string> all{"p1", "p2", "p2", "p3", "p4"}, some{"p0", "p3", "p2"};
  const PatientBootstrap whole(all, poisson), part(some, poisson);
  std::vector<double> counts(3, 0);
  double mean = 0;
  for (std::int64_t repeat = 0; repeat < kRepeats; ++repeat) {
    const std::vector<double> a = whole.weights(repeat), b = part.weights(repeat);
    EXPECT_EQ(a[1], a[2]) << "rows of a patient";
    EXPECT_EQ(a[3], b[1]);
    EXPECT_EQ(a[1], b[2]);
    mean += a[0] / kRepeats;
    if (a[0] < 3) counts[static_cast<std::size_t>(a[0])] += 1.0 / kRepeats;
  }
  EXPECT_NEAR(mean, 1, 0.15);
  EXPECT_NEAR(counts[0], std::exp(-1), 0.08);
  EXPECT_NEAR(counts[1], std::exp(-1), 0.08);
  EXPECT_NEAR(counts[2], std::exp(-1) / 2, 0.08);
}

TEST(Bootstrap, MacroLeavesOutUndefinedRepeats) {
  const std::vector<Replicates> parts{
      {1.0, std::nullopt}, {0.5, std::nullopt}, {std::nullopt, std::nullopt}};
  const Replicates mean = mean_of(parts);
  EXPECT_EQ(*mean[0], 0.75);
  EXPECT_FALSE(mean[1].has_value());
  const Replicates difference = difference_of(parts[0], parts[1]);
  EXPECT_EQ(*difference[0], 0.5);
  EXPECT_FALSE(difference[1].has_value());
}

TEST(Bootstrap, AurocsOfManyRepeatsAtOnceAreThoseOfEachAlone) {
  std::vector<std::string> patients;
  for (int i = 0; i < 90; ++i) patients.push_back("p" + std::to_string(i % 40));
  for (const std::int64_t repeats : {1, 16, 50}) {
    const PatientBootstrap bootstrap(patients, {repeats, 3});
    for (std::uint64_t label = 0; label < 6; ++label) {
      Sample sample = random_sample(label, 90);
      for (double& score : sample.score) score = std::round(score * 10) / 10;  // ties
      std::vector<double> known(90, 1);
      for (std::size_t i = 0; i < 90; i += 2 + label) known[i] = 0;
      if (label == 5) sample.positive.assign(90, 0), sample.positive[1] = 1;  // often undefined
      const RankedScores ranked(sample.score, sample.positive);
      EXPECT_EQ(auroc_replicates(ranked, bootstrap),
                bootstrap.replicate([&](Values weight) { return ranked.auroc(weight); }));
      EXPECT_EQ(auroc_replicates(ranked, bootstrap, known), bootstrap.replicate([&](Values weight) {
        std::vector<double> both(weight.begin(), weight.end());
        for (std::size_t i = 0; i < both.size(); ++i) both[i] *= known[i];
        return ranked.auroc(both);
      }));
    }
  }
}

}  // namespace
}  // namespace biplane
