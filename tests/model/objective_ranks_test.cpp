#include <gtest/gtest.h>

#include <cmath>

#include "biplane/train/thread_collective.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::SyntheticStudy;
using testing::tiny_settings;

struct RunResult {
  std::vector<std::pair<std::string, double>> terms, diagnostics;
  double total = 0;
  TensorMap gradients, buffers;
};

// Two steps of the objective with the batch cut after `cuts` studies: one rank for each part, all
// with the same weights.
RunResult run_ranks(const PretrainSettings& settings, const std::vector<SyntheticStudy>& studies,
                    const std::vector<std::int64_t>& cuts) {
  const StudyBatch batch = testing::make_batch(studies).to(torch::kCPU, torch::kFloat64);
  const auto ranks = static_cast<std::int64_t>(cuts.size()) + 1;
  std::vector<std::unique_ptr<PretrainObjective>> objectives;
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    objectives.push_back(std::make_unique<PretrainObjective>(settings));
    objectives.back()->module().to(torch::kFloat64);
  }
  ThreadGroup group(ranks);
  std::vector<LossTerms> losses(static_cast<std::size_t>(ranks));
  for (std::int64_t step = 0; step < 2; ++step) {
    group.run([&](const Collective& collective) {
      const auto rank = static_cast<std::size_t>(collective.rank);
      const std::int64_t begin = rank == 0 ? 0 : cuts[rank - 1];
      const std::int64_t end = rank == cuts.size() ? batch.size() : cuts[rank];
      PretrainObjective& objective = *objectives[rank];
      objective.module().zero_grad();
      losses[rank] = objective.compute(batch.rows(begin, end), {step, 5, &collective});
      losses[rank].total.backward();
      objective.after_step({step, 5, &collective});
    });
  }
  RunResult result;
  result.diagnostics = losses[0].diagnostics;
  for (std::size_t rank = 0; rank < losses.size(); ++rank) {
    result.total += losses[rank].total.item<double>();
    for (std::size_t i = 0; i < losses[rank].terms.size(); ++i) {
      const auto& [name, value] = losses[rank].terms[i];
      if (rank == 0) result.terms.emplace_back(name, 0.0);
      EXPECT_EQ(result.terms.at(i).first, name);
      result.terms.at(i).second += value.item<double>();
    }
    for (const auto& item : objectives[rank]->module().named_parameters()) {
      const torch::Tensor& gradient = item.value().grad();
      if (!gradient.defined()) continue;
      torch::Tensor& sum = result.gradients[item.key()];
      sum = sum.defined() ? sum + gradient : gradient.clone();
    }
  }
  for (const auto& item : objectives[0]->module().named_buffers())
    result.buffers[item.key()] = item.value();
  return result;
}

void expect_same(const RunResult& a, const RunResult& b) {
  EXPECT_NEAR(a.total, b.total, 1e-10);
  ASSERT_EQ(a.terms.size(), b.terms.size());
  for (std::size_t i = 0; i < a.terms.size(); ++i)
    EXPECT_NEAR(a.terms[i].second, b.terms[i].second, 1e-10) << a.terms[i].first;
  ASSERT_EQ(a.diagnostics.size(), b.diagnostics.size());
  for (std::size_t i = 0; i < a.diagnostics.size(); ++i) {
    EXPECT_EQ(a.diagnostics[i].first, b.diagnostics[i].first);
    EXPECT_NEAR(a.diagnostics[i].second, b.diagnostics[i].second, 1e-9) << a.diagnostics[i].first;
  }
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  for (const auto& [name, gradient] : a.gradients)
    expect_near(gradient, b.gradients.at(name), 1e-9, name);
  for (const auto& [name, buffer] : a.buffers) expect_near(buffer, b.buffers.at(name), 1e-10, name);
}

PretrainSettings rank_settings() {
  PretrainSettings settings = tiny_settings();
  settings.loss.proto.queue = 20;
  settings.loss.diagnostics_every = 1;
  settings.loss.fla.gap_every = 1;
  return settings;
}

TEST(ObjectiveRanks, Property6TwoRanksGiveTheLossesAndGradientsOfOneProcess) {
  const auto studies = testing::synthetic_studies(8);
  const RunResult one = run_ranks(rank_settings(), studies, {});
  ASSERT_EQ(one.terms.size(), 4u);
  expect_same(one, run_ranks(rank_settings(), studies, {4}));
}

TEST(ObjectiveRanks, Property6HoldsForUnequalRanksAndBatchNegatives) {
  auto studies = testing::synthetic_studies(7);
  studies[0].lateral = studies[4].frontal = false;
  PretrainSettings settings = rank_settings();
  settings.loss.fla.batch_negatives = true;
  settings.loss.itc.learned = true;
  const RunResult one = run_ranks(settings, studies, {});
  expect_same(one, run_ranks(settings, studies, {2}));
  expect_same(one, run_ranks(settings, studies, {3, 5}));
}

TEST(ObjectiveRanks, Property6HoldsWhereARankHasNoLateralAtAll) {
  auto studies = testing::synthetic_studies(6);
  for (std::size_t i = 3; i < 6; ++i) studies[i].lateral = false;
  for (auto& word : studies[4].words) word.masked = false;
  for (const bool batch_negatives : {false, true}) {
    PretrainSettings settings = rank_settings();
    settings.loss.fla.batch_negatives = batch_negatives;
    expect_same(run_ranks(settings, studies, {}), run_ranks(settings, studies, {3}));
    expect_same(run_ranks(settings, studies, {}), run_ranks(settings, studies, {3, 4}));
  }
}

// The terms and options that are off by default; reports repeat within a rank and across ranks.
TEST(ObjectiveRanks, Property6HoldsForTheOptionalTerms) {
  auto studies = testing::synthetic_studies(7);
  studies[0].lateral = studies[4].frontal = false;
  studies[3].words = studies[5].words = studies[0].words;
  studies[3].words.push_back({{8}, false});  // the same words, but not the same features
  studies[1].labelled = studies[2].labelled = false;
  PretrainSettings settings = testing::all_terms(rank_settings());
  settings.loss.itc.pairs.frontal_lateral = 0.5;
  settings.loss.itc.soft_targets = {0.4, 1.0};
  settings.loss.fla.word_weights = "attention";
  for (const char* kind : {"info_nce", "sigmoid"}) {
    SCOPED_TRACE(kind);
    settings.loss.itc.kind = kind;
    const RunResult one = run_ranks(settings, studies, {});
    ASSERT_EQ(one.terms.size(), 6u);
    expect_same(one, run_ranks(settings, studies, {2}));
    expect_same(one, run_ranks(settings, studies, {3, 5}));
  }
}

TEST(ObjectiveRanks, Property6HoldsForTheOptionalTermsWhereARankHasNothingForThem) {
  auto studies = testing::synthetic_studies(6);
  for (std::size_t i = 3; i < 6; ++i) studies[i].lateral = studies[i].labelled = false;
  studies[4].words = {{{8}, true}};  // a full stop: no sentence
  PretrainSettings settings = testing::all_terms(rank_settings());
  settings.model.fusion = "mean";
  settings.loss.itc.pairs = {1.0, 0.0, 1.0, 1.0};
  settings.loss.itc.soft_targets = {1.0, 0.5};
  const RunResult one = run_ranks(settings, studies, {});
  expect_same(one, run_ranks(settings, studies, {3}));
  expect_same(one, run_ranks(settings, studies, {4, 5}));
}

TEST(ObjectiveRanks, ATermWithAShareSeesTheSameStudiesOnAnyRanks) {
  auto studies = testing::synthetic_studies(8);
  studies[2].lateral = studies[7].frontal = false;
  PretrainSettings settings = rank_settings();
  settings.loss.mlm.share = 0.25;  // the fourth and the eighth study: one rank of three has none
  settings.loss.fla.share = 0.5;
  settings.model.text.dropout = 0.1;
  const RunResult one = run_ranks(settings, studies, {});
  ASSERT_EQ(one.terms.size(), 4u);
  expect_same(one, run_ranks(settings, studies, {4}));
  expect_same(one, run_ranks(settings, studies, {4, 6}));
}

TEST(ObjectiveRanks, RunsAreBitIdentical) {
  const auto studies = testing::synthetic_studies(6);
  const RunResult a = run_ranks(rank_settings(), studies, {3}),
                  b = run_ranks(rank_settings(), studies, {3});
  EXPECT_EQ(a.total, b.total);
  for (const auto& [name, gradient] : a.gradients)
    EXPECT_TRUE(gradient.equal(b.gradients.at(name))) << name;
}

// Codes as they are at the start of training, for random features: neither uniform nor one-hot.
TEST(Prototypes,
     Property6CodePerplexityAtRandomInitialisationIsBetweenATenthAndAThirdOfThePrototypes) {
  struct Size {
    std::int64_t width, prototypes, samples;
  };
  for (const Size size : {Size{512, 500, 3168}, Size{128, 500, 3168}, Size{96, 32, 528}}) {
    const torch::Tensor features = unit(testing::noise({size.samples, size.width}, 1));
    const torch::Tensor prototypes = unit(testing::noise({size.prototypes, size.width}, 2));
    const PrototypeOptions options = default_prototype_options(size.width);
    const torch::Tensor codes =
        sinkhorn_codes(torch::mm(features, prototypes.t()), options.epsilon, options.iterations);
    const double perplexity = (-torch::xlogy(codes, codes).sum(1)).mean().exp().item<double>();
    const double share = perplexity / static_cast<double>(size.prototypes);
    EXPECT_GT(share, 0.1) << "D " << size.width;
    EXPECT_LT(share, 0.35) << "D " << size.width;
  }
}

TEST(Prototypes, CodesAreMadeOverQueueAndBatchAndUsedForTheBatch) {
  const std::int64_t count = 6;
  const torch::Tensor prototypes = unit(testing::noise({5, 8}, 1));
  const GlobalBatch batch = gather_batch(torch::ones({count}, torch::kBool),
                                         torch::zeros({count}, torch::kBool), Collective{});
  const UnitFeatures text = gather_units(testing::noise({count, 8}, 2), Collective{});
  const UnitFeatures frontal = gather_units(testing::noise({count, 8}, 3), Collective{});
  const PrototypePast past{unit(testing::noise({9, 8}, 4)), unit(testing::noise({7, 8}, 5)), {}};
  const PrototypeOptions options{0.1, 0.2, 3};
  const auto direction = [&](const UnitFeatures& from, const torch::Tensor& before,
                             const UnitFeatures& to) {
    const torch::Tensor scores = torch::mm(torch::cat({before, from.local}), prototypes.t());
    const torch::Tensor codes =
        sinkhorn_codes(scores, options.epsilon, 3).narrow(0, before.size(0), count);
    const torch::Tensor predicted =
        (torch::mm(to.local, prototypes.t()) / options.temperature).log_softmax(1);
    return -(codes * predicted).sum(1).mean().item<double>();
  };
  const double expected =
      (direction(text, past.text, frontal) + direction(frontal, past.frontal, text)) / 2;
  const auto loss = prototype_loss({text, frontal, {}}, prototypes, past, options, batch);
  EXPECT_NEAR(loss->total.item<double>(), expected, 1e-12);
  EXPECT_LT(loss->code_entropy.item<double>(), loss->total.item<double>());
}

TEST(Prototypes, Property6NoFeatureNormUpTo10000Overflows) {
  const torch::Tensor raw = testing::noise({20, 32}, 1, torch::kFloat32);
  const torch::Tensor prototypes = unit(testing::noise({16, 32}, 2, torch::kFloat32));
  const GlobalBatch batch =
      gather_batch(torch::ones({20}, torch::kBool), torch::ones({20}, torch::kBool), Collective{});
  for (const double norm : {1e-8, 1.0, 1e4}) {
    const UnitFeatures features = gather_units(raw * norm, Collective{});
    const auto loss = prototype_loss({features, features, features}, prototypes, {},
                                     default_prototype_options(32), batch);
    EXPECT_TRUE(std::isfinite(loss->total.item<double>())) << norm;
    const torch::Tensor codes =
        sinkhorn_codes(torch::mm(raw * norm, prototypes.t()), 0.05, 3);  // not even normalised
    expect_near(codes.sum(1), torch::ones({20}), 1e-4, "rows");
  }
}

}  // namespace
}  // namespace biplane
