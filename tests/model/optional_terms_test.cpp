#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "biplane/core/error.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::diagnostic;
using testing::expect_near;
using testing::has_term;
using testing::make_batch;
using testing::noise;
using testing::only;
using testing::SyntheticStudy;
using testing::term;
using testing::tiny_settings;

// The terms and switches that are off by default, as the objective uses them (method section 5).

torch::Tensor flags(const std::vector<int>& values) {
  return torch::tensor(values).to(torch::kBool);
}

std::unique_ptr<PretrainObjective> make_objective(const PretrainSettings& settings) {
  auto objective = std::make_unique<PretrainObjective>(settings);
  objective->module().to(torch::kFloat64);
  return objective;
}

LossTerms compute(PretrainSettings settings, const std::vector<SyntheticStudy>& studies) {
  settings.loss.diagnostics_every = 1;
  const StudyBatch batch = make_batch(studies).to(torch::kCPU, torch::kFloat64);
  return make_objective(settings)->compute(batch, {3, 1, nullptr});
}

TEST(ItcPairs, EachPairCountsWithItsWeight) {
  auto settings = tiny_settings();
  settings.loss = only("itc", settings.loss);
  settings.loss.itc.pairs = {1.0, 1.0, 1.0, 1.0};
  const auto studies = testing::synthetic_studies(5);
  const LossTerms all = compute(settings, studies);
  const auto expect_total = [&](const ItcPairs& pairs, double expected) {
    settings.loss.itc.pairs = pairs;
    EXPECT_NEAR(term(compute(settings, studies), "itc"), expected, 1e-10);
  };
  const double ft = diagnostic(all, "itc/frontal"), lt = diagnostic(all, "itc/lateral"),
               flt = diagnostic(all, "itc/fused"), fl = diagnostic(all, "itc/frontal_lateral");
  expect_total({1.0, 1.0, 1.0, 1.0}, (ft + lt) / 2 + flt + fl);
  expect_total({1.0, 0.0, 0.0, 0.0}, ft);
  expect_total({0.0, 3.0, 0.5, 0.0}, 3 * lt + 0.5 * flt);
  expect_total({1.0, 1.0, 0.0, 2.0}, (ft + lt) / 2 + 2 * fl);
}

TEST(ItcPairs, FrontalAgainstLateralIsOfStudiesWithBoth) {
  auto settings = tiny_settings();
  settings.loss = only("itc", settings.loss);
  settings.loss.itc.pairs = {0.0, 0.0, 0.0, 1.0};
  auto studies = testing::synthetic_studies(5);
  studies[3].lateral = studies[4].frontal = false;
  const double some = term(compute(settings, studies), "itc");
  studies.resize(3);
  EXPECT_NEAR(term(compute(settings, studies), "itc"), some, 1e-10);
  for (SyntheticStudy& study : studies) study.lateral = false;
  EXPECT_FALSE(has_term(compute(settings, studies), "itc"));
}

TEST(Views, OneViewAloneIsAsIfNoStudyHadTheOther) {
  auto settings = testing::all_terms(tiny_settings());
  settings.loss.fla.weight = 0.0;
  auto studies = testing::synthetic_studies(4);
  settings.loss.views = "frontal";
  const LossTerms switched = compute(settings, studies);
  settings.loss.views = "both";
  for (SyntheticStudy& study : studies) study.lateral = false;
  const LossTerms without = compute(settings, studies);
  ASSERT_EQ(switched.terms.size(), 5u);
  for (const auto& [name, value] : switched.terms)
    EXPECT_EQ(value.item<double>(), term(without, name)) << name;
}

TEST(Sigmoid, StartsAtTheGivenTemperatureAndBiasAndLearnsBoth) {
  auto settings = tiny_settings();
  settings.loss = only("itc", settings.loss);
  settings.loss.itc.kind = "sigmoid";
  settings.loss.itc.temperature = 0.2;
  settings.loss.itc.bias = -3.0;
  const LossTerms loss = compute(settings, testing::synthetic_studies(3));
  EXPECT_NEAR(diagnostic(loss, "itc/scale"), 5.0, 1e-5);
  EXPECT_NEAR(diagnostic(loss, "itc/bias"), -3.0, 1e-12);
  const auto objective = make_objective(settings);
  std::set<std::string> names;
  for (const auto& item : objective->module().named_parameters()) names.insert(item.key());
  EXPECT_TRUE(names.contains("objective.log_scale") && names.contains("objective.bias"));
  EXPECT_FALSE(is_model_state("objective.bias"));
}

TEST(SoftTargets, OfTheObjectiveShareTheMassOfEqualReports) {
  auto settings = tiny_settings();
  settings.loss = only("itc", settings.loss);
  settings.loss.itc.pairs = {1.0, 1.0, 1.0, 1.0};
  auto studies = testing::synthetic_studies(4);
  const auto with_weight = [&](double weight) {
    settings.loss.itc.soft_targets.weight = weight;
    return compute(settings, studies);
  };
  EXPECT_NEAR(term(with_weight(0.5), "itc"), term(with_weight(0.0), "itc"), 1e-12);
  // The same words, and one full stop more: with the very same tokens the features are the same
  // too, and a hard target of one is as good as a shared one.
  studies[2].words = studies[0].words;
  studies[2].words.push_back({{8}, false});
  const LossTerms hard = with_weight(0.0), soft = with_weight(0.5);
  for (const char* pair : {"itc/frontal", "itc/lateral", "itc/fused"})
    EXPECT_GT(std::abs(diagnostic(soft, pair) - diagnostic(hard, pair)), 1e-4) << pair;
  // Two patients with one report are still two patients.
  EXPECT_EQ(diagnostic(soft, "itc/frontal_lateral"), diagnostic(hard, "itc/frontal_lateral"));
}

TEST(WordWeights, AreTheAttentionOfTheFirstTokenInTheLastTextLayer) {
  const auto objective = make_objective(tiny_settings());
  std::vector<SyntheticStudy> studies = testing::synthetic_studies(3);
  const StudyBatch batch = make_batch(studies).to(torch::kCPU, torch::kFloat64);
  const torch::NoGradGuard no_grad;
  const TextFeatures text = objective->model().encode_text(batch.input_ids, batch.attention_mask,
                                                           nullptr, /*class_attention=*/true);
  // The whole attention by hand, study by study without padding.
  const auto bert = objective->model().named_children()["text"]->as<Bert>();
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::int64_t length = batch.attention_mask[i].sum().item<std::int64_t>();
    const torch::Tensor ids = batch.input_ids[i].narrow(0, 0, length).unsqueeze(0);
    std::vector<torch::Tensor> states;
    bert->forward({ids}, TokenLayout::padded(1, length), &states);
    const torch::Tensor& x = states[states.size() - 2];
    const Attention& attention = *bert->blocks.back()->attn;
    const auto qkv =
        at::linear(x, attention.in_proj_weight, attention.in_proj_bias).view({length, 3, 2, 16});
    torch::Tensor expected = torch::zeros({32}, torch::kFloat64);
    for (std::int64_t head = 0; head < 2; ++head) {
      const torch::Tensor query = qkv.select(1, 0).select(1, head)[0],
                          keys = qkv.select(1, 1).select(1, head);
      expected.narrow(0, 0, length) += torch::mv(keys, query).div(4.0).softmax(0) / 2;
    }
    expect_near(text.class_attention[i], expected, 1e-12, "study " + std::to_string(i));
  }
}

TEST(WordWeights, ChangeTheTermOfTheObjective) {
  auto settings = tiny_settings();
  settings.loss = only("fla", settings.loss);
  const auto studies = testing::synthetic_studies(4);
  const LossTerms plain = compute(settings, studies);
  settings.loss.fla.word_weights = "attention";
  const LossTerms weighted = compute(settings, studies);
  EXPECT_GT(std::abs(diagnostic(plain, "fla/words") - diagnostic(weighted, "fla/words")), 1e-5);
  EXPECT_EQ(diagnostic(plain, "fla/images"), diagnostic(weighted, "fla/images"));
}

TEST(Fusion, TheMeanIsOfTheNormalisedGlobalsThatExist) {
  const Fusion fusion(8, false);
  EXPECT_TRUE(fusion.parameters().empty());
  const torch::Tensor f = noise({4, 8}, 1), l = noise({4, 8}, 2);
  const torch::Tensor fused = fusion.forward(f, l, flags({1, 1, 0, 0}), flags({1, 0, 1, 0}));
  expect_near(fused[0], (unit(f[0]) + unit(l[0])) / 2, 1e-12, "both");
  expect_near(fused[1], unit(f[1]), 1e-12, "frontal");
  expect_near(fused[2], unit(l[2]), 1e-12, "lateral");
  expect_near(fused[3], torch::zeros({8}), 0.0, "none");
}

TEST(LossConfig, ImpossibleSwitchesNameTheirKey) {
  const std::map<std::string, std::function<void(LossConfig&)>> cases = {
      {"loss.itc.kind", [](LossConfig& c) { c.itc.kind = "softmax"; }},
      {"loss.itc.bias", [](LossConfig& c) { c.itc.bias = INFINITY; }},
      {"loss.itc.pairs.lateral_text", [](LossConfig& c) { c.itc.pairs.lateral_text = -1; }},
      {"loss.itc.pairs",
       [](LossConfig& c) {
         c.itc.pairs = {0, 0, 0, 0};
       }},
      {"loss.mlm.share", [](LossConfig& c) { c.mlm.share = 0; }},
      {"loss.fla.share", [](LossConfig& c) { c.fla.share = 1.5; }},
      {"loss.itc.soft_targets.weight", [](LossConfig& c) { c.itc.soft_targets.weight = 1.5; }},
      {"loss.itc.soft_targets.threshold", [](LossConfig& c) { c.itc.soft_targets.threshold = 0; }},
      {"loss.views", [](LossConfig& c) { c.views = "oblique"; }},
      {"loss.fla.weight", [](LossConfig& c) { c.views = "frontal"; }},
      {"loss.fla.word_weights", [](LossConfig& c) { c.fla.word_weights = "tfidf"; }},
      {"loss.local.weight", [](LossConfig& c) { c.local.weight = -1; }},
      {"loss.local.temperature", [](LossConfig& c) { c.local.temperature = 0; }},
      {"loss.labels.weight", [](LossConfig& c) { c.labels.weight = NAN; }}};
  for (const auto& [key, change] : cases) {
    LossConfig config;
    change(config);
    try {
      check_config(config);
      ADD_FAILURE() << "no error for " << key;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_EQ(std::string(error.what()).rfind(key, 0), 0u) << error.what();
    }
  }
}

TEST(LossConfig, SharesThatSeeTooLittleOfAMicroBatchNameWhatWouldDo) {
  const auto message_of = [](double mlm, double fla, std::int64_t studies,
                             std::int64_t image_negatives) -> std::string {
    LossConfig config;
    config.mlm.share = mlm;
    config.fla.share = fla;
    config.fla.image_negatives = image_negatives;
    try {
      check_shares(config, studies);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
  };
  EXPECT_EQ(message_of(0.25, 1, 3, 3),
            "loss.mlm.share: with 0.25 the term sees 0 of the 3 studies of a micro-batch "
            "(train.batch / train.accumulate) and needs 1: at least 0.3334 is needed");
  EXPECT_EQ(message_of(1, 0.25, 4, 3),
            "loss.fla.share: with 0.25 the term sees 1 of the 4 studies of a micro-batch "
            "(train.batch / train.accumulate) and needs 2: at least 0.5 is needed");
  EXPECT_EQ(message_of(0.25, 0.5, 4, 3), "");
  EXPECT_EQ(message_of(1, 0.25, 4, 0), "");  // the word half alone
  EXPECT_EQ(message_of(1, 1, 1, 3), "");     // no share
  for (std::int64_t studies = 2; studies <= 2000; ++studies) {
    const std::string mlm = message_of(0.5 / static_cast<double>(studies), 1, studies, 3);
    const std::string fla = message_of(1, 0.5 / static_cast<double>(studies), studies, 3);
    const auto least = [](const std::string& text) {
      return std::stod(text.substr(text.find("at least ") + 9));
    };
    EXPECT_EQ(message_of(least(mlm), least(fla), studies, 3), "") << studies;
  }
  LossConfig off;  // a term that is off sees nothing anyway
  off.mlm = {.weight = 0, .share = 0.1};
  off.fla.weight = 0;
  off.fla.share = 0.1;
  EXPECT_NO_THROW(check_shares(off, 2));
}

}  // namespace
}  // namespace biplane
