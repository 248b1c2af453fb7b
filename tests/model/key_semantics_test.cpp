#include "biplane/model/key_semantics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;

constexpr std::int64_t kWidth = 20;

torch::Tensor flags(const std::vector<int>& values) {
  return torch::tensor(values).to(torch::kBool);
}

// Four studies: both views, frontal only, lateral only, none.
KeyCandidates make_candidates(std::int64_t frontal, std::int64_t lateral) {
  KeyCandidates candidates;
  candidates.frontal = noise({4, frontal, kWidth}, 1);
  candidates.lateral = noise({4, lateral, kWidth}, 2);
  candidates.has_frontal = flags({1, 1, 0, 0});
  candidates.has_lateral = flags({1, 0, 1, 0});
  candidates.frontal_global = noise({4, kWidth}, 3);
  candidates.lateral_global = noise({4, kWidth}, 4);
  candidates.tokens = noise({4, 6, kWidth}, 5);
  candidates.score_words =
      torch::arange(6).unsqueeze(0).lt(torch::tensor({6, 3, 0, 2}).unsqueeze(1));
  return candidates;
}

std::shared_ptr<KeySemantics> make_module(const KeySemanticsConfig& config,
                                          std::int64_t candidates) {
  auto module = std::make_shared<KeySemantics>(config, kWidth, candidates);
  module->initialise(Initializer(1));
  module->to(torch::kFloat64);
  return module;
}

void check_counts(const KeySet& set, const KeySemanticsConfig& config, std::int64_t study) {
  const std::int64_t n = set.scores.valid[study].sum().item<std::int64_t>();
  const std::int64_t kept = set.kept[study].sum().item<std::int64_t>();
  const std::int64_t used = set.slot_used[study].sum().item<std::int64_t>();
  EXPECT_EQ(kept, static_cast<std::int64_t>(std::ceil(config.rho * static_cast<double>(n) - 1e-9)));
  EXPECT_EQ(used, slot_count(config.rho, config.alpha, n));
  if (n > 0) {
    EXPECT_LT(used + 1, kept) << "not fewer keys than patches were kept, n = " << n;
  }
  const torch::Tensor sums = set.aggregation[study].sum(1);
  expect_near(sums.narrow(0, 0, used), torch::ones({used}, torch::kFloat64), 1e-12,
              "rows of used slots");
  EXPECT_EQ((set.aggregation[study] * set.kept[study].logical_not().unsqueeze(0))
                .abs()
                .sum()
                .item<double>(),
            0.0);
  EXPECT_EQ(set.key_mask[study].sum().item<std::int64_t>(), used + (kept < n ? 1 : 0));
  EXPECT_TRUE(
      set.kept[study].logical_and(set.scores.valid[study].logical_not()).any().item<bool>() ==
      false);
}

TEST(KeySemantics, Property5KeepsAndAggregatesTheRightNumbersForEveryEncoder) {
  const std::pair<std::int64_t, std::int64_t> grids[] = {
      {16, 16}, {36, 36}, {196, 196}, {196, 49}, {576, 144}};
  for (const auto& [frontal, lateral] : grids) {
    SCOPED_TRACE(std::to_string(frontal) + " + " + std::to_string(lateral));
    const KeySemanticsConfig config;
    const KeySet set =
        make_module(config, frontal + lateral)->forward(make_candidates(frontal, lateral));
    for (std::int64_t study = 0; study < 4; ++study) check_counts(set, config, study);
    EXPECT_FALSE(set.keys.isnan().any().item<bool>());
  }
}

TEST(KeySemantics, PatchesOfAMissingViewDoNotMatter) {
  const auto module = make_module({}, 32);
  KeyCandidates candidates = make_candidates(16, 16);
  const KeySet before = module->forward(candidates);
  candidates.lateral = candidates.lateral.clone();
  candidates.lateral[1] = noise({16, kWidth}, 77);
  const KeySet after = module->forward(candidates);
  expect_near(after.keys, before.keys, 0.0, "keys");
  expect_near(after.scores.standard, before.scores.standard, 0.0, "scores");
}

TEST(KeySemantics, AReportChoosesForItsOwnStudyOnly) {
  const auto module = make_module({}, 32);
  KeyCandidates candidates = make_candidates(16, 16);
  const KeySet before = module->forward(candidates);
  candidates.tokens = candidates.tokens.clone();
  candidates.tokens[1] = noise({6, kWidth}, 78);
  const KeySet after = module->forward(candidates);
  EXPECT_GT(testing::max_difference(after.scores.raw[1], before.scores.raw[1]), 1e-3);
  for (const std::int64_t study : {0, 2, 3}) {
    expect_near(after.keys[study], before.keys[study], 0.0, "study " + std::to_string(study));
  }
}

TEST(KeySemantics, WordsThatAreNotVisibleDoNotScore) {
  KeyCandidates candidates = make_candidates(16, 16);
  const Scores before = score_candidates(candidates, {});
  candidates.tokens = candidates.tokens.clone();
  candidates.tokens[1].narrow(0, 3, 3).fill_(9.0);
  candidates.tokens[2].fill_(9.0);  // no visible word: the image term alone
  expect_near(score_candidates(candidates, {}).raw, before.raw, 0.0, "raw");
  SelectionConfig image_only;
  image_only.text = "none";
  expect_near(score_candidates(candidates, image_only).raw[2], before.raw[2], 1e-12,
              "study without visible word");
}

TEST(KeySemantics, AttentionAndWordsAreStandardisedBeforeTheyAreAdded) {
  KeyCandidates candidates = make_candidates(16, 14);
  SelectionConfig selection;
  selection.self = "attention";
  EXPECT_ANY_THROW(score_candidates(candidates, selection)) << "no attention is given";
  candidates.frontal_attention = noise({4, 16}, 6).softmax(1);
  candidates.lateral_attention = noise({4, 14}, 7).softmax(1);
  const torch::Tensor both = score_candidates(candidates, selection).raw;
  SelectionConfig words = selection, attention = selection;
  words.self = "none";
  attention.text = "none";
  // Study 0 has both views and words.
  const torch::Tensor expected = score_candidates(candidates, words).standard[0] +
                                 score_candidates(candidates, attention).standard[0];
  expect_near(both[0], expected, 1e-4, "sum");
  // The order of the patches is that of the attention alone where no word is visible (study 2).
  const torch::Tensor alone = score_candidates(candidates, selection).raw[2].narrow(0, 16, 14);
  EXPECT_TRUE(alone.argsort().equal(candidates.lateral_attention[2].argsort()));
  candidates.frontal_attention = candidates.frontal_attention * 1000.0;
  expect_near(score_candidates(candidates, selection).raw, both, 1e-3, "the scale does not matter");
}

TEST(KeySemantics, SelectionTermsCanBeChosen) {
  const KeyCandidates candidates = make_candidates(16, 16);
  const auto raw = [&](const char* text, const char* self) {
    SelectionConfig selection;
    selection.text = text;
    selection.self = self;
    return score_candidates(candidates, selection).raw;
  };
  expect_near(raw("visible", "mean"), raw("none", "mean") + raw("visible", "none"), 1e-12, "mean");
  expect_near(raw("visible", "global"), raw("none", "global") + raw("visible", "none"), 1e-12,
              "global");
  EXPECT_GT(testing::max_difference(raw("none", "mean"), raw("none", "global")), 1e-3);
  const torch::Tensor patch = candidates.lateral[0][5], global = candidates.lateral_global[0];
  const double cosine = (patch.dot(global) / (patch.norm() * global.norm())).item<double>();
  EXPECT_NEAR(raw("none", "global")[0][16 + 5].item<double>(), cosine, 1e-12);
  EXPECT_THROW(raw("none", "none"), c10::Error);
}

TEST(KeySemantics, TiesGoToTheLowerIndex) {
  Scores scores;
  scores.standard = torch::tensor({{1.0, 2.0, 1.0, 1.0, 1.0}, {0.0, 0.0, 0.0, 0.0, 0.0}});
  scores.raw = scores.standard;
  scores.valid = torch::tensor({{1, 1, 1, 1, 1}, {0, 1, 1, 1, 1}}).to(torch::kBool);
  EXPECT_TRUE(torch::equal(select_best(scores, 0.6),
                           torch::tensor({{1, 1, 1, 0, 0}, {0, 1, 1, 1, 0}}).to(torch::kBool)));
}

TEST(KeySemantics, LeavesOutSlotsButNotStudiesAtOtherImageSizes) {
  const auto module = make_module({}, 32);
  EXPECT_EQ(module->slots(), 17);
  const KeySet larger = module->forward(make_candidates(36, 36));
  EXPECT_EQ(larger.slot_used[0].sum().item<std::int64_t>(), 17);
  EXPECT_EQ(larger.kept[0].sum().item<std::int64_t>(), 58);
  const KeySet smaller = module->forward(make_candidates(9, 4));
  EXPECT_EQ(smaller.slot_used[0].sum().item<std::int64_t>(), 7);
}

TEST(KeySemantics, GradientsAgreeWithFiniteDifferencesAndScoresHaveNone) {
  const auto module = make_module({}, 12);
  testing::randomise(*module, 3, 0.4);
  KeyCandidates candidates = make_candidates(8, 4);
  candidates.frontal.requires_grad_();
  candidates.lateral.requires_grad_();
  candidates.tokens.requires_grad_();
  const KeySet probe_shape = module->forward(candidates);
  const torch::Tensor probe = noise(probe_shape.keys.sizes(), 6);
  const auto loss = [&] { return (module->forward(candidates).keys * probe).sum(); };
  for (auto& item : module->named_parameters())
    testing::expect_gradient(loss, item.value(), item.key(), 8);
  const auto gradients =
      torch::autograd::grad({loss()}, {candidates.frontal, candidates.tokens}, {}, {}, false, true);
  EXPECT_GT(gradients[0].abs().max().item<double>(), 0.0);
  EXPECT_FALSE(gradients[1].defined())
      << "the report's tokens must get no gradient from the selection";
}

TEST(KeySemantics, SwitchedOffTheDecoderSeesEveryValidPatchAsItIs) {
  KeySemanticsConfig off;
  off.enabled = false;
  const auto module = make_module(off, 30);
  EXPECT_EQ(module->named_parameters().size(), 2U) << "only the view vectors are learned";
  const KeyCandidates candidates = make_candidates(16, 14);
  const KeySet set = module->forward(candidates);
  ASSERT_EQ(set.keys.sizes(), (std::vector<std::int64_t>{4, 31, kWidth}));
  const std::vector<std::int64_t> valid{30, 16, 14, 0};
  for (std::int64_t study = 0; study < 4; ++study) {
    EXPECT_EQ(set.key_mask[study].sum().item<std::int64_t>(),
              valid[static_cast<std::size_t>(study)]);
    EXPECT_EQ(set.kept[study].sum().item<std::int64_t>(), valid[static_cast<std::size_t>(study)]);
  }
  expect_near(set.keys.slice(1, 0, 16).slice(0, 0, 2),
              candidates.frontal.slice(0, 0, 2) + module->view_frontal, 1e-12, "frontal patches");
  expect_near(set.keys.select(0, 2).slice(0, 16, 30), candidates.lateral[2] + module->view_lateral,
              1e-12, "lateral patches");
  expect_near(set.aggregation[0], torch::eye(30, torch::kFloat64), 0, "aggregation");
  EXPECT_NEAR(slot_diagnostics(slot_sums(set)).slot_support, 1, 1e-9);
}

TEST(KeySemantics, DiagnosticsAreThoseOfTheDefinition) {
  const auto module = make_module({}, 32);
  const KeySet set = module->forward(make_candidates(16, 16));
  const SlotDiagnostics diagnostics = slot_diagnostics(slot_sums(set));
  double cosine = 0.0, support = 0.0;
  int pairs = 0, slots = 0;
  for (std::int64_t b = 0; b < 4; ++b) {
    const std::int64_t used = set.slot_used[b].sum().item<std::int64_t>();
    for (std::int64_t i = 0; i < used; ++i, ++slots) {
      const torch::Tensor w = set.aggregation[b][i].masked_select(set.kept[b]);
      support += std::exp(-(w * w.log()).sum().item<double>());
      for (std::int64_t j = 0; j < used; ++j) {
        if (i == j) continue;
        const torch::Tensor x = set.keys[b][i], y = set.keys[b][j];
        cosine += (x.dot(y) / (x.norm() * y.norm())).item<double>();
        ++pairs;
      }
    }
  }
  EXPECT_NEAR(diagnostics.slot_cosine, cosine / pairs, 1e-9);
  EXPECT_NEAR(diagnostics.slot_support, support / slots, 1e-9);
}

}  // namespace
}  // namespace biplane
