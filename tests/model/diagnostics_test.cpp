#include <gtest/gtest.h>

#include <cmath>

#include "biplane/model/key_semantics.h"
#include "biplane/model/prototypes.h"
#include "biplane/model/view_alignment.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::diagnostic;
using testing::make_batch;
using testing::noise;
using testing::only;
using testing::SyntheticStudy;
using testing::tiny_settings;

// What is logged must tell a module that works from one that has collapsed (method sections 3 to
// 5): each test has both.

// A reader of words from patches that looks at them, or that only repeats the word.
WordReader reader(bool looks) {
  return [looks](const WordQuery& query) {
    const torch::Tensor picture = query.patches.mean(1, true);
    torch::Tensor z = looks ? query.tokens + 3.0 * picture : query.tokens + 0.0 * picture;
    if (!query.wanted.defined()) return z;
    const std::int64_t most = query.wanted.sum(1).max().item<std::int64_t>();
    const torch::Tensor order =
        at::argsort(query.wanted.logical_not().to(torch::kUInt8), /*stable=*/true, 1)
            .narrow(1, 0, most);
    return z.gather(1, order.unsqueeze(2).expand({-1, -1, z.size(2)}));
  };
}

// Six studies whose two views show the same thing.
AlignmentInput six_studies() {
  const StudyBatch batch = make_batch(testing::synthetic_studies(6));
  AlignmentInput input;
  input.tokens = noise({6, 32, 16}, 1);
  input.token_mask = batch.attention_mask;
  const torch::Tensor shown = noise({6, 1, 16}, 2);
  input.frontal = shown + 0.1 * noise({6, 5, 16}, 3);
  input.lateral = shown + 0.1 * noise({6, 7, 16}, 4);
  input.units = report_units(batch, torch::arange(6), AlignmentUnits::kWords, torch::kFloat64);
  input.total = 6;
  return input;
}

double shuffle_gap(const AlignmentInput& input, const WordReader& read) {
  const Collective alone;
  return alignment_loss(roll_laterals(input, alone), read, {}, alone)->total.item<double>() -
         alignment_loss(input, read, {}, alone)->total.item<double>();
}

TEST(Diagnostics, TheShuffleGapIsWideWhereWordsAreReadFromTheImageAndZeroWhereTheyAreNot) {
  const AlignmentInput input = six_studies();
  EXPECT_GT(shuffle_gap(input, reader(true)), 1.0);
  EXPECT_NEAR(shuffle_gap(input, reader(false)), 0.0, 1e-12);
  AlignmentInput constant = input;  // a reader that looks, at an encoder that says nothing
  constant.lateral = input.lateral.mean(0, true).expand_as(input.lateral);
  EXPECT_NEAR(shuffle_gap(constant, reader(true)), 0.0, 1e-12);
}

TEST(Diagnostics, TheLoggedShuffleGapIsZeroWhereAllLateralsAreTheSame) {
  auto settings = tiny_settings();
  settings.loss = only("fla", settings.loss);
  PretrainObjective objective(settings);
  objective.module().to(torch::kFloat64);
  std::vector<SyntheticStudy> studies = testing::synthetic_studies(5);
  const auto gap = [&] {
    const StudyBatch batch = make_batch(studies).to(torch::kCPU, torch::kFloat64);
    return diagnostic(objective.compute(batch, {0, 1, nullptr}), "fla/shuffle_gap");
  };
  EXPECT_GT(std::abs(gap()), 1e-6);
  for (SyntheticStudy& study : studies) study.lateral_image = 1;
  EXPECT_NEAR(gap(), 0.0, 1e-10);
}

constexpr std::int64_t kFrontal = 196, kLateral = 49, kWidth = 128;

KeyCandidates full_size_candidates() {
  KeyCandidates candidates;
  candidates.frontal = noise({2, kFrontal, kWidth}, 1);
  candidates.lateral = noise({2, kLateral, kWidth}, 2);
  candidates.has_frontal = candidates.has_lateral = torch::ones({2}, torch::kBool);
  candidates.tokens = noise({2, 6, kWidth}, 3);
  candidates.score_words = torch::ones({2, 6}, torch::kBool);
  return candidates;
}

SlotDiagnostics slots(const KeySemantics& module, const KeyCandidates& candidates) {
  const torch::NoGradGuard no_grad;
  return slot_diagnostics(slot_sums(module.forward(candidates)));
}

std::shared_ptr<KeySemantics> key_semantics(double scale) {
  KeySemanticsConfig config;
  config.scale_init = scale;
  auto module = std::make_shared<KeySemantics>(config, kWidth, kFrontal + kLateral);
  module->initialise(Initializer(1));
  module->to(torch::kFloat64);
  return module;
}

TEST(Diagnostics, SlotsThatFocusAreToldFromSlotsThatAreAllTheSame) {
  const KeyCandidates candidates = full_size_candidates();
  const SlotDiagnostics working = slots(*key_semantics(20.0), candidates);
  EXPECT_LT(working.slot_cosine, 0.9);
  EXPECT_LT(working.slot_support, (kFrontal + kLateral) / 4.0);
  // Nearly no scale: every slot is the mean of all 196 kept patches.
  const SlotDiagnostics equal = slots(*key_semantics(1e-6), candidates);
  EXPECT_GT(equal.slot_cosine, 0.999);
  EXPECT_NEAR(equal.slot_support, std::ceil(0.8 * (kFrontal + kLateral)), 1e-3);
}

TEST(Diagnostics, SlotsOfAnEncoderThatSaysTheSameEverywhereAreSeen) {
  KeyCandidates candidates = full_size_candidates();
  candidates.frontal = candidates.frontal.narrow(1, 0, 1).expand({2, kFrontal, kWidth});
  candidates.lateral = candidates.frontal.narrow(1, 0, 1).expand({2, kLateral, kWidth});
  const SlotDiagnostics constant = slots(*key_semantics(20.0), candidates);
  EXPECT_GT(constant.slot_cosine, 0.99);
  EXPECT_GT(constant.slot_support, (kFrontal + kLateral) / 2.0);
}

TEST(Diagnostics, TheLoggedSlotValuesSeeAScaleOfZero) {
  auto settings = tiny_settings();
  settings.loss = only("mlm", settings.loss);
  PretrainObjective objective(settings);
  const StudyBatch batch = make_batch(testing::synthetic_studies(4));
  const auto look = [&](const char* name) {
    return diagnostic(objective.compute(batch, {0, 1, nullptr}), name);
  };
  const double cosine = look("ksm/slot_cosine"), support = look("ksm/slot_support");
  const torch::NoGradGuard no_grad;
  objective.module().named_parameters()["key_semantics.scale"].zero_();
  EXPECT_GT(look("ksm/slot_cosine"), 0.9999);
  EXPECT_LT(cosine, 0.999);
  EXPECT_NEAR(look("ksm/slot_support"), 26.0, 1e-3);  // ceil(0.8 x 32) patches
  EXPECT_LT(support, 25.0);
}

// Features of 240 studies in groups around the prototypes, K = 24, D = 128.
struct Groups {
  torch::Tensor prototypes = unit(noise({24, 128}, 1));
  UnitFeatures around(double spread, std::uint64_t seed) const {
    return gather_units(prototypes.repeat({10, 1}) + spread * unit(noise({240, 128}, seed)),
                        Collective{});
  }
};

struct ProtoValues {
  double perplexity = 0, kl = 0;
};

ProtoValues proto_values(const PrototypeFeatures& features, const torch::Tensor& prototypes) {
  const torch::Tensor all = torch::ones({240}, torch::kBool);
  const auto loss = prototype_loss(features, prototypes, {}, default_prototype_options(128),
                                   gather_batch(all, all, Collective{}));
  return {loss->perplexity.item<double>(),
          loss->total.item<double>() - loss->code_entropy.item<double>()};
}

TEST(Diagnostics, TheCodePerplexityTellsGroupsFromPrototypesOrFeaturesThatAreAllEqual) {
  const Groups groups;
  const PrototypeFeatures features{groups.around(0.5, 2), groups.around(0.5, 3),
                                   groups.around(0.5, 4)};
  const ProtoValues working = proto_values(features, groups.prototypes);
  EXPECT_GT(working.perplexity, 1.0);
  EXPECT_LT(working.perplexity, 0.35 * 24);
  const torch::Tensor equal = groups.prototypes.narrow(0, 0, 1).expand({24, 128});
  EXPECT_NEAR(proto_values(features, equal).perplexity, 24.0, 1e-6);
  const UnitFeatures same = gather_units(noise({1, 128}, 5).expand({240, 128}), Collective{});
  EXPECT_NEAR(proto_values({same, same, same}, groups.prototypes).perplexity, 24.0, 1e-6);
}

TEST(Diagnostics, TheDivergenceTellsTowersThatAgreeFromTowersThatDoNot) {
  const Groups groups;
  const UnitFeatures text = groups.around(0.5, 2);
  const double agree =
      proto_values({text, groups.around(0.5, 3), groups.around(0.5, 4)}, groups.prototypes).kl;
  // Each image in the group of another study.
  const auto shifted = [&](std::uint64_t seed) {
    return gather_units(torch::roll(groups.around(0.5, seed).local, 1, 0), Collective{});
  };
  const double disagree = proto_values({text, shifted(3), shifted(4)}, groups.prototypes).kl;
  EXPECT_GT(agree, 0.0);
  EXPECT_LT(agree, 0.2 * disagree);
  EXPECT_GT(disagree, 1.0);
  // Prototypes that are all equal leave nothing to predict: no divergence, at full perplexity.
  const torch::Tensor equal = groups.prototypes.narrow(0, 0, 1).expand({24, 128});
  EXPECT_NEAR(proto_values({text, shifted(3), shifted(4)}, equal).kl, 0.0, 1e-9);
}

TEST(Diagnostics, TheLoggedPrototypeValuesSeePrototypesThatAreAllEqual) {
  auto settings = tiny_settings();
  settings.loss = only("proto", settings.loss);
  PretrainObjective objective(settings);
  const StudyBatch batch = make_batch(testing::synthetic_studies(12));
  const auto look = [&](const char* name) {
    return diagnostic(objective.compute(batch, {0, 1, nullptr}), name);
  };
  EXPECT_LT(look("proto/code_perplexity"), 15.0);
  EXPECT_GT(look("proto/kl"), 0.01);
  const torch::NoGradGuard no_grad;
  torch::Tensor& prototypes = objective.model().prototypes;
  prototypes.copy_(prototypes.narrow(0, 0, 1).expand_as(prototypes).clone());
  EXPECT_NEAR(look("proto/code_perplexity"), 16.0, 1e-3);
  EXPECT_NEAR(look("proto/kl"), 0.0, 1e-4);
}

}  // namespace
}  // namespace biplane
