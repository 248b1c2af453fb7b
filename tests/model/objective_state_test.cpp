#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "biplane/core/error.h"
#include "biplane/model/view_dropout.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::diagnostic;
using testing::make_batch;
using testing::only;
using testing::synthetic_studies;
using testing::SyntheticStudy;
using testing::term;
using testing::tiny_settings;

std::unique_ptr<PretrainObjective> make_objective(const PretrainSettings& settings,
                                                  torch::Dtype dtype = torch::kFloat64) {
  auto objective = std::make_unique<PretrainObjective>(settings);
  objective->module().to(dtype);
  return objective;
}

StudyBatch double_batch(const std::vector<SyntheticStudy>& studies, std::int64_t tokens = 32) {
  return make_batch(studies, tokens).to(torch::kCPU, torch::kFloat64);
}

TEST(ObjectiveState, ViewDropoutHidesEachViewAtItsRateAndDependsOnSeedStepAndStudyOnly) {
  std::vector<SyntheticStudy> studies;
  for (std::int64_t i = 0; i < 4000; ++i)
    studies.push_back({i, true, i % 4 != 0, 0, 0, {{{5}, false}}});
  const StudyBatch batch = make_batch(studies, 4, 1);
  const ViewDropoutConfig config{0.05, 0.25};
  const ShownViews shown = drop_views(batch, config, 1, 2);
  const torch::Tensor both = batch.has_frontal.logical_and(batch.has_lateral);
  EXPECT_TRUE(shown.frontal.logical_or(shown.lateral).all().item<bool>());
  EXPECT_TRUE(shown.frontal.logical_or(both).all().item<bool>());
  const auto hidden = [&](const torch::Tensor& flags) {
    return both.logical_and(flags.logical_not()).sum().item<double>() / both.sum().item<double>();
  };
  EXPECT_NEAR(hidden(shown.lateral), 0.25, 0.03);
  EXPECT_NEAR(hidden(shown.frontal), 0.05, 0.015);
  const ShownViews part = drop_views(batch.rows(100, 200), config, 1, 2);
  EXPECT_TRUE(part.lateral.equal(shown.lateral.slice(0, 100, 200)));
  EXPECT_FALSE(drop_views(batch, config, 1, 3).lateral.equal(shown.lateral));
  EXPECT_FALSE(drop_views(batch, config, 2, 2).lateral.equal(shown.lateral));
}

TEST(ObjectiveState, QueuesKeepTheNewestFeaturesOfStudiesWithTheView) {
  auto settings = tiny_settings();
  settings.loss.proto.queue = 6;
  const auto objective = make_objective(settings);
  const auto count = [&](const char* name) {
    return objective->module()
        .named_buffers()["objective.queue_" + std::string(name) + ".count"]
        .item<std::int64_t>();
  };
  auto studies = synthetic_studies(4);
  studies[2].lateral = false;
  const StudyBatch batch = double_batch(studies);
  objective->compute(batch, {0, 1, nullptr});
  EXPECT_EQ(count("text"), 0);
  objective->after_step({0, 1, nullptr});
  EXPECT_EQ(count("text"), 4);
  EXPECT_EQ(count("lateral"), 3);
  objective->compute(batch, {1, 1, nullptr});
  objective->after_step({1, 1, nullptr});
  EXPECT_EQ(count("text"), 6);
  EXPECT_EQ(count("lateral"), 6);
  const torch::NoGradGuard no_grad;
  const torch::Tensor newest =
      unit(objective->model().encode_text(batch.input_ids, batch.attention_mask).global);
  const torch::Tensor queue = objective->module().named_buffers()["objective.queue_text.features"];
  testing::expect_near(queue.narrow(0, 2, 4), newest, 1e-9, "queue");
  testing::expect_near(queue.narrow(0, 0, 2), newest.narrow(0, 2, 2), 1e-9, "older part");
}

TEST(ObjectiveState, PrototypesAreUnitRowsAfterEveryStep) {
  const auto objective = make_objective(tiny_settings());
  {
    const torch::NoGradGuard no_grad;
    objective->model().prototypes.mul_(3.0);
  }
  objective->after_step({});
  const torch::Tensor norms = objective->model().prototypes.norm(2, 1);
  testing::expect_near(norms, torch::ones_like(norms), 1e-12, "norms");
}

TEST(ObjectiveState, ParameterGroupsHoldEachTrainableParameterOnce) {
  auto settings = tiny_settings();
  settings.loss.itc.learned = true;
  settings.model.lateral.frozen = settings.model.lateral.allow_random_frozen = true;
  // A tower with a parameter that its file lacked, and a projection that came with another tower.
  const std::string missing = "text.blocks.0.ln_1.weight", projection = "frontal_projection.weight";
  for (const auto& item : make_objective(settings)->module().named_parameters()) {
    if ((item.key().starts_with("text.") && item.key() != missing) || item.key() == projection)
      settings.imported.insert(item.key());
  }
  ASSERT_TRUE(settings.imported.contains(projection));
  const auto objective = make_objective(settings);
  std::set<void*> seen;
  std::size_t trainable = 0;
  std::map<void*, std::string> names;
  for (const auto& item : objective->module().named_parameters()) {
    names[item.value().unsafeGetTensorImpl()] = item.key();
    trainable += item.value().requires_grad() ? 1 : 0;
  }
  for (const ParameterGroup& group : objective->parameter_groups()) {
    for (const torch::Tensor& parameter : group.parameters) {
      EXPECT_TRUE(seen.insert(parameter.unsafeGetTensorImpl()).second);
      const std::string& name = names.at(parameter.unsafeGetTensorImpl());
      EXPECT_EQ(group.lr_scale, settings.imported.contains(name) ? 1.0 : 5.0) << name;
      if (parameter.dim() < 2 || name == "prototypes") {
        EXPECT_FALSE(group.weight_decay) << name;
      }
      if (name.ends_with("c_fc.weight")) {
        EXPECT_TRUE(group.weight_decay) << name;
      }
    }
  }
  EXPECT_EQ(seen.size(), trainable);
}

TEST(ObjectiveState, BlocksOfTheTextTowerLearnAtTheirOwnRate) {
  auto settings = tiny_settings();
  settings.model.text.block_lr = 0.25;
  const auto objective = make_objective(settings);
  std::map<void*, double> rates;
  for (const ParameterGroup& group : objective->parameter_groups())
    for (const torch::Tensor& parameter : group.parameters)
      rates[parameter.unsafeGetTensorImpl()] = group.lr_scale;
  for (const auto& item : objective->module().named_parameters()) {
    const double expected = item.key().starts_with("text.blocks.") ? 0.25 : 1.0;
    EXPECT_EQ(rates.at(item.value().unsafeGetTensorImpl()), expected) << item.key();
  }
}

TEST(ObjectiveState, ALearnedTemperatureStartsAtTheGivenOneAndGoesOnLearningAtItsBound) {
  auto settings = tiny_settings();
  settings.loss = only("itc", settings.loss);
  const StudyBatch batch = double_batch(synthetic_studies(4));
  const double fixed = term(make_objective(settings)->compute(batch, {}), "itc");
  settings.loss.itc.learned = true;
  const auto objective = make_objective(settings);
  EXPECT_NEAR(term(objective->compute(batch, {}), "itc"), fixed, 1e-6);
  torch::Tensor log_scale = objective->module().named_parameters()["objective.log_scale"];
  {
    const torch::NoGradGuard no_grad;
    log_scale.fill_(20.0);
  }
  objective->after_step({});
  EXPECT_DOUBLE_EQ(log_scale.item<double>(), std::log(kMaxContrastScale));
  const LossTerms loss = objective->compute(batch, {});
  EXPECT_NEAR(diagnostic(loss, "itc/scale"), kMaxContrastScale, 1e-9);
  loss.total.backward();
  EXPECT_GT(std::abs(log_scale.grad().item<double>()), 1e-3);
}

TEST(ObjectiveState, ConfigurationErrorsNameKeyAndValue) {
  LossConfig loss;
  loss.fla.units = "letters";
  try {
    check_config(loss);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("loss.fla.units"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("letters"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace biplane
