#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "biplane/model/view_alignment.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::all_terms;
using testing::diagnostic;
using testing::has_term;
using testing::make_batch;
using testing::only;
using testing::synthetic_studies;
using testing::SyntheticStudy;
using testing::term;
using testing::tiny_settings;

const std::vector<std::string> kTerms = {"itc", "mlm", "fla", "proto", "local", "labels"};

std::unique_ptr<PretrainObjective> make_objective(const PretrainSettings& settings,
                                                  torch::Dtype dtype = torch::kFloat64) {
  auto objective = std::make_unique<PretrainObjective>(settings);
  objective->module().to(dtype);
  return objective;
}

StudyBatch double_batch(const std::vector<SyntheticStudy>& studies, std::int64_t tokens = 32) {
  return make_batch(studies, tokens).to(torch::kCPU, torch::kFloat64);
}

// Patches kept for the decoder, (B,N) bool, of the model's own selection.
torch::Tensor kept_patches(const MultiviewModel& model, const StudyBatch& batch) {
  return testing::key_set(model, batch).kept;
}

void expect_only_row_differs(const torch::Tensor& a, const torch::Tensor& b, std::int64_t row) {
  const torch::Tensor differs = a.ne(b).any(1);
  for (std::int64_t i = 0; i < a.size(0); ++i)
    EXPECT_EQ(differs[i].item<bool>(), i == row) << "study " << i;
}

void expect_same_losses(const LossTerms& a, const LossTerms& b, double tolerance) {
  ASSERT_EQ(a.terms.size(), b.terms.size());
  for (const auto& [name, value] : a.terms)
    EXPECT_NEAR(value.item<double>(), term(b, name), tolerance) << name;
  EXPECT_NEAR(a.total.item<double>(), b.total.item<double>(), tolerance);
}

void expect_finite(PretrainObjective& objective, const LossTerms& loss) {
  EXPECT_TRUE(std::isfinite(loss.total.item<double>()));
  for (const auto& [name, value] : loss.terms)
    EXPECT_TRUE(std::isfinite(value.item<double>())) << name;
  if (loss.total.requires_grad()) loss.total.backward();
  for (const auto& item : objective.module().named_parameters()) {
    const torch::Tensor& gradient = item.value().grad();
    if (gradient.defined()) {
      EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << item.key();
    }
  }
}

TEST(Objective, Property1ChangingAReportOrAnImageChangesTheSelectionOfThatStudyOnly) {
  auto settings = tiny_settings();
  settings.model.key_semantics.selection.self =
      "none";  // the report alone ranks, so that its change shows
  const auto objective = make_objective(settings);
  std::vector<SyntheticStudy> studies = synthetic_studies(4);
  const torch::Tensor before = kept_patches(objective->model(), double_batch(studies));
  auto other_report = studies;
  other_report[2].words = testing::synthetic_study(77).words;
  expect_only_row_differs(before, kept_patches(objective->model(), double_batch(other_report)), 2);
  auto other_image = studies;
  other_image[1].lateral_image = 999;
  expect_only_row_differs(before, kept_patches(objective->model(), double_batch(other_image)), 1);
}

TEST(Objective, Property2PaddingChangesNoLoss) {
  const auto objective = make_objective(all_terms(tiny_settings()));
  const std::vector<SyntheticStudy> studies = synthetic_studies(5);
  const LossTerms tight = objective->compute(double_batch(studies, 27), {});
  EXPECT_EQ(tight.terms.size(), 6u);
  expect_same_losses(tight, objective->compute(double_batch(studies, 32), {}), 1e-10);
}

// Trimming hides padding that all reports share; here a long report pads the short ones.
TEST(Objective, Property2ALongReportBesideItChangesNothingForAStudy) {
  auto settings = tiny_settings();
  settings.loss = only("mlm", settings.loss);
  const auto objective = make_objective(settings);
  const std::vector<SyntheticStudy> short_one = synthetic_studies(1);
  std::vector<SyntheticStudy> long_one = synthetic_studies(1, 5);
  for (int i = 0; i < 8; ++i) long_one[0].words.push_back({{100 + i, 60 + i}, i % 2 == 0});
  const auto places = [](const StudyBatch& batch) {
    return batch.mlm_labels.ge(0).sum().item<double>();
  };
  const StudyBatch a = double_batch(short_one), b = double_batch(long_one);
  const StudyBatch both = double_batch({short_one[0], long_one[0]});
  ASSERT_GT(b.attention_mask.sum().item<double>(), a.attention_mask.sum().item<double>());
  const double sum = term(objective->compute(a, {}), "mlm") * places(a) +
                     term(objective->compute(b, {}), "mlm") * places(b);
  EXPECT_NEAR(term(objective->compute(both, {}), "mlm") * places(both), sum, 1e-9);
}

TEST(Objective, Property2TheOrderOfTheStudiesChangesNoLoss) {
  auto settings = all_terms(tiny_settings());
  settings.loss.fla.image_negatives = 4;  // all others, so that the cyclic order cannot matter
  const auto objective = make_objective(settings);
  std::vector<SyntheticStudy> studies = synthetic_studies(5);
  const LossTerms forward = objective->compute(double_batch(studies), {});
  std::swap(studies[0], studies[3]);
  std::swap(studies[1], studies[4]);
  expect_same_losses(forward, objective->compute(double_batch(studies), {}), 1e-9);
}

TEST(Objective, ATermWithAShareIsThatOfTheStudiesItSees) {
  auto settings = tiny_settings();
  const std::vector<SyntheticStudy> studies = synthetic_studies(6);
  std::vector<SyntheticStudy> seen = {studies[1], studies[3], studies[5]};
  const LossTerms expected = make_objective(settings)->compute(double_batch(seen), {});
  settings.loss.mlm.share = settings.loss.fla.share = 0.5;
  const auto objective = make_objective(settings);
  const LossTerms half = objective->compute(double_batch(studies), {});
  EXPECT_NEAR(term(half, "mlm"), term(expected, "mlm"), 1e-9);
  EXPECT_NEAR(term(half, "fla"), term(expected, "fla"), 1e-9);
  expect_finite(*objective, half);
}

TEST(Objective, Property3PixelsOfAMissingLateralDoNotMatter) {
  const auto objective = make_objective(all_terms(tiny_settings()));
  std::vector<SyntheticStudy> studies = synthetic_studies(4);
  studies[1].lateral = false;
  StudyBatch batch = double_batch(studies);
  const LossTerms before = objective->compute(batch, {});
  batch.lateral[1].fill_(std::nan(""));
  const LossTerms after = objective->compute(batch, {});
  expect_same_losses(before, after, 0.0);
  expect_finite(*objective, after);
}

TEST(Objective, Property3TheOtherStudiesAloneDecideTheTermsOfTheLateral) {
  auto settings = tiny_settings();
  settings.model.view_dropout = {0.0, 0.0};
  settings.loss.diagnostics_every = 1;
  const auto objective = make_objective(settings);
  std::vector<SyntheticStudy> studies = synthetic_studies(4);
  studies[3].lateral = false;
  const LossTerms all = objective->compute(double_batch(studies), {});
  studies.pop_back();
  const LossTerms pairs = objective->compute(double_batch(studies), {});
  EXPECT_NEAR(term(all, "fla"), term(pairs, "fla"), 1e-10);
  EXPECT_NEAR(diagnostic(all, "itc/lateral"), diagnostic(pairs, "itc/lateral"), 1e-10);
  EXPECT_GT(std::abs(diagnostic(all, "itc/frontal") - diagnostic(pairs, "itc/frontal")), 1e-6);
}

TEST(Objective, Property3TheFusedFeatureTellsAMissingLateral) {
  const auto objective = make_objective(tiny_settings());
  const StudyBatch batch = double_batch(synthetic_studies(2));
  const MultiviewModel& model = objective->model();
  const ViewFeatures frontal = model.encode_frontal(batch.frontal),
                     lateral = model.encode_lateral(batch.lateral);
  const torch::Tensor both = model.fuse(frontal, lateral, batch.has_frontal, batch.has_lateral);
  const torch::Tensor without =
      model.fuse(frontal, lateral, batch.has_frontal, torch::zeros({2}, torch::kBool));
  EXPECT_GT((unit(both) - unit(without)).norm(2, 1).min().item<double>(), 1e-3);
}

TEST(Objective, Property4LateralGlobalsDifferAndTheirGradientsArriveAsTheFrontalsDo) {
  auto settings = tiny_settings();
  settings.loss = only("itc", settings.loss);
  settings.model.view_dropout = {0.0, 0.0};
  const auto objective = make_objective(settings);
  const StudyBatch batch = double_batch(synthetic_studies(6));
  const torch::Tensor global = objective->model().encode_lateral(batch.lateral).global;
  EXPECT_GT((global[0] - global[1]).norm().item<double>(), 1e-3 * global[0].norm().item<double>());
  objective->compute(batch, {}).total.backward();
  const auto norm_of = [&](const std::string& prefix) {
    double square = 0;
    for (const auto& item : objective->module().named_parameters()) {
      if (!item.key().starts_with(prefix) || !item.value().grad().defined()) continue;
      square += std::pow(item.value().grad().norm().item<double>(), 2);
    }
    return std::sqrt(square);
  };
  const double ratio = norm_of("lateral.") / norm_of("frontal.");
  EXPECT_GT(norm_of("lateral_adapter."), 0.0);
  EXPECT_GT(ratio, 0.1);
  EXPECT_LT(ratio, 10.0);
}

TEST(Objective, Property7PrototypeLossReachesEveryTowerAndThePrototypesAfterTheFreeze) {
  auto settings = tiny_settings();
  settings.loss = only("proto", settings.loss);
  settings.loss.proto.freeze_steps = 5;
  const auto objective = make_objective(settings);
  const StudyBatch batch = double_batch(synthetic_studies(6));
  const auto gradients = [&](std::int64_t step) {
    objective->module().zero_grad();
    objective->compute(batch, {step, 1, nullptr}).total.backward();
    std::set<std::string> reached;
    for (const auto& item : objective->module().named_parameters()) {
      const torch::Tensor& gradient = item.value().grad();
      if (gradient.defined() && gradient.abs().max().item<double>() > 0)
        reached.insert(item.key().substr(0, item.key().find('.')));
    }
    return reached;
  };
  const std::set<std::string> towers = {
      "frontal", "frontal_projection", "lateral", "lateral_adapter", "text", "text_projection"};
  EXPECT_EQ(gradients(4), towers);
  std::set<std::string> all = towers;
  all.insert("prototypes");
  EXPECT_EQ(gradients(5), all);
}

// Batches that lack something, with the number of terms that are left.
struct UnusualBatch {
  const char* what;
  std::vector<SyntheticStudy> studies;
  std::size_t terms;
};

std::vector<UnusualBatch> unusual_batches() {
  std::vector<UnusualBatch> batches;
  const auto add = [&](const char* what, std::int64_t count, std::size_t terms,
                       const std::function<void(std::vector<SyntheticStudy>&)>& change) {
    batches.push_back({what, synthetic_studies(count), terms});
    change(batches.back().studies);
  };
  const auto each = [](const std::function<void(SyntheticStudy&)>& change) {
    return [change](std::vector<SyntheticStudy>& studies) {
      for (SyntheticStudy& study : studies) change(study);
    };
  };
  const auto words = [](std::size_t study, std::int64_t id) {
    return [study, id](std::vector<SyntheticStudy>& studies) {
      studies[study].words = {{{id}, true}};
    };
  };
  add("no lateral", 4, 5, each([](SyntheticStudy& study) { study.lateral = false; }));
  add("no frontal", 4, 5, each([](SyntheticStudy& study) { study.frontal = false; }));
  add("one study", 1, 6, each([](SyntheticStudy&) {}));
  add("one study without lateral", 1, 5,
      each([](SyntheticStudy& study) { study.lateral = false; }));
  add("a report of one word", 3, 6, words(1, 10));
  add("a report of a full stop", 3, 6, words(1, 8));
  add("nothing but one stop word", 1, 5, words(0, 9));
  add("nothing but a full stop", 1, 4, words(0, 8));
  add("the same report twice", 2, 6,
      [](std::vector<SyntheticStudy>& studies) { studies[1].words = studies[0].words; });
  add("no label is known", 3, 5, each([](SyntheticStudy& study) { study.labelled = false; }));
  add("nothing masked", 2, 5, each([](SyntheticStudy& study) {
        for (auto& word : study.words) word.masked = false;
      }));
  return batches;
}

std::vector<PretrainSettings> settings_for_unusual_batches() {
  PretrainSettings plain = all_terms(tiny_settings());
  plain.loss.diagnostics_every = plain.loss.fla.gap_every = 1;
  PretrainSettings queue = plain, options = plain;
  queue.loss.proto.queue = 24;
  options.model.fusion = "mean";
  options.loss.itc.kind = "sigmoid";
  options.loss.itc.pairs.frontal_lateral = 1.0;
  options.loss.itc.soft_targets = {0.5, 0.9};
  options.loss.fla.word_weights = "attention";
  PretrainSettings soft = options;
  soft.loss.itc.kind = "info_nce";
  return {plain, queue, options, soft};
}

TEST(Objective, Property9UnusualBatchesHaveFiniteLosses) {
  for (const PretrainSettings& settings : settings_for_unusual_batches()) {
    const auto objective = make_objective(settings);
    for (const auto& [what, studies, terms] : unusual_batches()) {
      SCOPED_TRACE(what);
      const LossTerms loss = objective->compute(double_batch(studies), {});
      EXPECT_EQ(loss.terms.size(), terms);
      expect_finite(*objective, loss);
      objective->after_step({});
    }
  }
}

TEST(Objective, ATermThatIsAbsentEverywhereGivesABackwardPassThatChangesNothing) {
  auto settings = tiny_settings();
  settings.loss = only("fla", settings.loss);
  const auto objective = make_objective(settings);
  auto studies = synthetic_studies(2);
  studies[0].lateral = studies[1].frontal = false;
  const LossTerms loss = objective->compute(double_batch(studies), {});
  EXPECT_TRUE(loss.terms.empty());
  loss.total.backward();
  for (const torch::Tensor& parameter : objective->module().parameters())
    EXPECT_FALSE(parameter.grad().defined());
}

TEST(Objective, Property12WithoutPicturesTheImageHalfIsTheLogarithmOfTheChoices) {
  const auto objective = make_objective(tiny_settings());
  const StudyBatch batch = double_batch(synthetic_studies(6));
  const MultiviewModel& model = objective->model();
  AlignmentInput input;
  input.tokens = model.encode_text(batch.input_ids, batch.attention_mask).tokens;
  input.token_mask = batch.attention_mask;
  const auto position_means = [](const torch::Tensor& patches) {
    return patches.mean(0, true).expand_as(patches);
  };
  input.frontal = position_means(model.encode_frontal(batch.frontal).patches);
  input.lateral = position_means(model.encode_lateral(batch.lateral).patches);
  input.units = report_units(batch, torch::arange(6), AlignmentUnits::kWords, torch::kFloat64);
  input.total = 6;
  const WordReader read = [&](const WordQuery& query) {
    return model.align({query.tokens, query.token_mask, query.patches, {}, query.wanted});
  };
  for (const std::int64_t m : {1, 3, 5}) {
    AlignmentOptions options;
    options.image_negatives = m;
    const auto loss = alignment_loss(input, read, options, Collective{});
    EXPECT_NEAR(loss->images->item<double>(), std::log(static_cast<double>(m) + 1.0), 1e-3);
  }
}

// A reader that computes all words gives what the one that computes the wanted ones does.
TEST(Objective, TheFocusWordsAreReadExactlyAsIfAllWordsWere) {
  for (const std::int64_t layers : {1, 2}) {
    auto settings = tiny_settings();
    settings.model.alignment.layers = layers;
    const auto objective = make_objective(settings);
    const MultiviewModel& model = objective->model();
    const StudyBatch batch = double_batch(synthetic_studies(5));
    const TextFeatures text = model.encode_text(batch.input_ids, batch.attention_mask);
    const torch::Tensor patches = model.encode_lateral(batch.lateral).patches;
    const torch::Tensor wanted = batch.word_mask.logical_and(
        batch.word_class.ne(static_cast<std::int64_t>(WordClass::kOther)));
    const torch::Tensor all = model.align({text.tokens, batch.attention_mask, patches});
    const torch::Tensor part =
        model.align({text.tokens, batch.attention_mask, patches, {}, wanted});
    EXPECT_EQ(part.size(1), wanted.sum(1).max().item<std::int64_t>());
    for (std::int64_t i = 0; i < 5; ++i) {
      const torch::Tensor expected = all[i].index({wanted[i]});
      ASSERT_GT(expected.size(0), 0);
      testing::expect_near(part[i].narrow(0, 0, expected.size(0)), expected, 1e-12, "words");
      const std::int64_t rest = part.size(1) - expected.size(0);
      if (rest > 0) {
        testing::expect_near(part[i].narrow(0, expected.size(0), rest),
                             torch::zeros({rest, 32}, torch::kFloat64), 0.0, "padding");
      }
    }
  }
}

TEST(Objective, Property13HiddenWordsDoNotChoose) {
  auto settings = tiny_settings();
  settings.loss = only("mlm", settings.loss);
  const auto objective = make_objective(settings);
  std::vector<SyntheticStudy> studies = synthetic_studies(4);
  const StudyBatch before = double_batch(studies);
  for (SyntheticStudy& study : studies) {
    for (auto& word : study.words) {
      for (std::int64_t& piece : word.pieces)
        piece = word.masked ? (piece + 61) % 190 + testing::kFirstWord : piece;
    }
  }
  StudyBatch after = double_batch(studies);
  EXPECT_TRUE(
      kept_patches(objective->model(), before).equal(kept_patches(objective->model(), after)));
  EXPECT_GT(std::abs(term(objective->compute(after, {}), "mlm") -
                     term(objective->compute(before, {}), "mlm")),
            1e-6);
  after.mlm_labels =
      before.mlm_labels;  // what is to be found may differ, what it is read from may not
  EXPECT_EQ(term(objective->compute(after, {}), "mlm"),
            term(objective->compute(before, {}), "mlm"));
}

TEST(Objective, EachTermIsTheSameAloneAsWithTheOthers) {
  const auto settings = all_terms(tiny_settings());
  const StudyBatch batch = double_batch(synthetic_studies(4));
  const LossTerms all = make_objective(settings)->compute(batch, {});
  double sum = 0;
  for (const std::string& name : kTerms) {
    auto alone = settings;
    alone.loss = only(name, settings.loss);
    const LossTerms loss = make_objective(alone)->compute(batch, {});
    ASSERT_EQ(loss.terms.size(), 1u);
    EXPECT_NEAR(term(loss, name), term(all, name), 1e-12) << name;
    sum += term(loss, name);
  }
  EXPECT_NEAR(all.total.item<double>(), sum, 1e-10);
}

}  // namespace
}  // namespace biplane
