#include <gtest/gtest.h>

#include <cmath>

#include "biplane/model/prototypes.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::has_term;
using testing::make_batch;
using testing::noise;
using testing::SyntheticStudy;
using testing::term;
using testing::tiny_settings;

// clang-format off
// The known departures of the published code (method section 8), row by row, and what catches each:
//
//   masked ids share storage     DepartureOnlyTheMaskedWordsTermSeesTheMaskedCopy here;
//                                StudyLoader.MakesBatchesOfTheDocumentedForm
//   lateral global is constant   Objective.Property4...,
//                                MultiviewModel.LateralFeaturesDependOnTheImage...
//   selection by the last report Objective.Property1..., KeySemantics.AReportChoosesForItsOwn...
//   392 patches hard-coded       DepartureSlotsFollowTheViewsThatExist here; KeySemantics.Property5...
//   missing laterals filled in   Objective.Property3... (three tests)
//   no padding masks             DeparturePaddingIsNeitherAttendedNorAligned here;
//                                Objective.Property2...
//   frozen tower in train mode,  ImageTower.AFrozenTowerIsNoPartOfTheGraph;
//   no input normalisation       SwinTransformer.NormalisesWithItsOwnStatistics...
//   one-way prototypes, norms    DeparturePrototypeLossSeesDirectionsAloneAndBothWays here;
//                                Objective.Property7..., Prototypes.Property6NoFeatureNorm...
//   negatives of the local rank  ObjectiveRanks.Property6...
//   entities on word pieces      Lexicon.AllPiecesOfAWordHaveItsClass,
//                                Masking.AllPiecesOfAWordAreMaskedTogether
//   header cut at 128 tokens     ParseSections.*, TrainingText.*
// clang-format on

std::unique_ptr<PretrainObjective> make_objective(const PretrainSettings& settings) {
  auto objective = std::make_unique<PretrainObjective>(settings);
  objective->module().to(torch::kFloat64);
  return objective;
}

StudyBatch double_batch(const std::vector<SyntheticStudy>& studies) {
  return make_batch(studies).to(torch::kCPU, torch::kFloat64);
}

TEST(Departures, DepartureOnlyTheMaskedWordsTermSeesTheMaskedCopy) {
  const auto objective = make_objective(testing::all_terms(tiny_settings()));
  StudyBatch batch = double_batch(testing::synthetic_studies(4));
  const LossTerms before = objective->compute(batch, {});
  const torch::Tensor ids = batch.input_ids.clone();
  batch.masked_ids.masked_fill_(batch.word_mask, testing::kMask);
  EXPECT_TRUE(batch.input_ids.equal(ids));
  const LossTerms after = objective->compute(batch, {});
  for (const char* name : {"itc", "fla", "proto", "local", "labels"})
    EXPECT_EQ(term(before, name), term(after, name)) << name;
  EXPECT_GT(std::abs(term(before, "mlm") - term(after, "mlm")), 1e-6);
}

TEST(Departures, DepartureSlotsFollowTheViewsThatExist) {
  const auto objective = make_objective(tiny_settings());
  std::vector<SyntheticStudy> studies = testing::synthetic_studies(3);
  studies[1].lateral = studies[2].frontal = false;
  const StudyBatch batch = double_batch(studies);
  const KeySet keys = testing::key_set(objective->model(), batch);
  // 16 patches a view: floor(0.56 n) slots and the merged rest, from ceil(0.8 n) kept patches.
  EXPECT_TRUE(keys.key_mask.sum(1).equal(torch::tensor({17 + 1, 8 + 1, 8 + 1})));
  EXPECT_TRUE(keys.kept.sum(1).equal(torch::tensor({26, 13, 13})));
}

TEST(Departures, DeparturePaddingIsNeitherAttendedNorAligned) {
  auto settings = testing::all_terms(tiny_settings());
  settings.loss.fla.word_weights = "attention";
  const auto objective = make_objective(settings);
  StudyBatch batch = double_batch(testing::synthetic_studies(5));
  const torch::Tensor padding = batch.attention_mask.logical_not();
  ASSERT_TRUE(padding.any().item<bool>());
  const LossTerms before = objective->compute(batch, {});
  batch.input_ids.masked_fill_(padding, 77);
  batch.masked_ids.masked_fill_(padding, 78);
  const LossTerms after = objective->compute(batch, {});
  ASSERT_EQ(before.terms.size(), 6u);
  for (const auto& [name, value] : before.terms)
    EXPECT_NEAR(value.item<double>(), term(after, name), 1e-12) << name;
}

TEST(Departures, DeparturePrototypeLossSeesDirectionsAloneAndBothWays) {
  const torch::Tensor prototypes = unit(noise({6, 8}, 1)), text = noise({5, 8}, 2),
                      frontal = noise({5, 8}, 3), lateral = noise({5, 8}, 4);
  const torch::Tensor all = torch::ones({5}, torch::kBool);
  const GlobalBatch batch = gather_batch(all, all, Collective{});
  const auto loss = [&](const torch::Tensor& t, const torch::Tensor& f) {
    const auto units = [](const torch::Tensor& x) { return gather_units(x, Collective{}); };
    return prototype_loss({units(t), units(f), units(lateral)}, prototypes, {}, {0.1, 0.2, 3},
                          batch)
        ->total;
  };
  const torch::Tensor scaled = noise({5, 1}, 5).exp();
  EXPECT_NEAR(loss(text * scaled, frontal * 1e4).item<double>(), loss(text, frontal).item<double>(),
              1e-10);
  for (const torch::Tensor& moved : {text, frontal}) {
    torch::Tensor input = moved.clone().requires_grad_(true);
    const torch::Tensor total = moved.is_same(text) ? loss(input, frontal) : loss(text, input);
    EXPECT_GT(torch::autograd::grad({total}, {input})[0].abs().max().item<double>(), 1e-6);
  }
}

}  // namespace
}  // namespace biplane
