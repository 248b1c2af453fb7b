#include "biplane/train/plan.h"

#include <c10/util/ThreadLocalDebugInfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/train/memory_estimate.h"
#include "biplane/train/optimizer.h"
#include "tests/model/synthetic_studies.h"

namespace biplane {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

PretrainConfig tiny_config() {
  PretrainConfig config;
  config.model = testing::tiny_model();
  config.data.image = {"longest", 32, 32};
  config.data.max_tokens = 32;
  config.data.vocabulary_size = 200;
  config.loss.proto.queue = 16;
  config.loss.proto.freeze_steps = 4;
  config.train.steps = 40;
  config.train.batch = 8;
  config.train.threads = 2;
  return config;
}

const PlanPart& part(const PretrainPlan& plan, const std::string& name) {
  const auto found = std::find_if(plan.parts.begin(), plan.parts.end(),
                                  [&](const PlanPart& one) { return one.name == name; });
  if (found == plan.parts.end()) throw Error(ErrorKind::kFailure, "no part " + name);
  return *found;
}

TEST(Plan, CountsTheParametersOfTheModelByPart) {
  const PretrainConfig config = tiny_config();
  const PretrainPlan plan = plan_pretrain(config);
  PretrainObjective objective({config.model, config.loss, 0, {}});
  std::int64_t parts = 0, groups = 0, all = 0;
  for (const PlanPart& one : plan.parts) parts += one.parameters;
  for (const PlanGroup& group : plan.groups) groups += group.parameters;
  for (const torch::Tensor& parameter : objective.module().parameters()) all += parameter.numel();
  EXPECT_EQ(parts, all);
  EXPECT_EQ(groups, all);
  EXPECT_EQ(part(plan, "prototypes").parameters, 16 * 32);
  EXPECT_EQ(part(plan, "text_projection").trained, 32 * 32);
  EXPECT_EQ(plan.vocabulary, 200);
}

TEST(Plan, OfACudaDeviceNeedsNoSuchDevice) {
  PretrainConfig config = tiny_config();
  const PretrainPlan host = plan_pretrain(config);
  EXPECT_EQ(host.device, "cpu");
  EXPECT_THAT(host.notes, ::testing::Not(Contains(HasSubstr("train.device"))));
  config.train.device = "cuda:7";
  config.train.threads = 0;
  const PretrainPlan plan = plan_pretrain(config);
  EXPECT_EQ(plan.device, "cuda:7");
  EXPECT_EQ(plan.threads, 1);
  EXPECT_THAT(plan.notes, Contains(HasSubstr("train.device = cuda:7")));
}

TEST(Plan, TellsWhatIsNotTrained) {
  PretrainConfig config = tiny_config();
  config.model.lateral.frozen = true;
  EXPECT_THROW(plan_pretrain(config), Error) << "a frozen random tower is refused as in a run";
  config.model.lateral.allow_random_frozen = true;
  config.loss.fla.weight = 0;
  const PretrainPlan plan = plan_pretrain(config);
  EXPECT_EQ(part(plan, "lateral").trained, 0);
  EXPECT_GT(part(plan, "lateral").parameters, 0);
  EXPECT_EQ(part(plan, "lateral_adapter").trained, part(plan, "lateral_adapter").parameters);
  EXPECT_THAT(plan.not_trained, ::testing::ElementsAre("lateral: model.lateral.frozen",
                                                       "alignment: loss.fla.weight is 0",
                                                       "prototypes: in the first 4 steps"));
  EXPECT_LT(plan.memory[0].gradients, plan_pretrain(tiny_config()).memory[0].gradients);
}

TEST(Plan, ATowerThatNoLossReachesIsNotTrained) {
  PretrainConfig config = tiny_config();
  config.loss.views = "frontal";
  config.loss.fla.weight = 0;
  config.loss.itc.pairs.fused_text = 0;
  EXPECT_THAT(plan_pretrain(config).not_trained,
              ::testing::IsSupersetOf({"lateral: loss.views is frontal",
                                       "lateral_adapter: loss.views is frontal",
                                       "fusion: no loss uses the fused feature"}));
}

TEST(Plan, BesideImportedTowersTheRestLearnsFiveTimesAsFast) {
  PretrainConfig config = tiny_config();
  config.init.lateral = "nowhere/swin";
  const PretrainPlan plan = plan_pretrain(config);
  EXPECT_EQ(part(plan, "lateral").start, "init.lateral = nowhere/swin (not there)");
  EXPECT_EQ(part(plan, "frontal").start, "random, seed 0");
  EXPECT_THAT(plan.notes, Contains(HasSubstr("init.lateral = nowhere/swin: not there")));
  std::map<std::string, double> rates;
  for (const PlanGroup& group : plan.groups) rates[group.name] = group.lr;
  EXPECT_DOUBLE_EQ(rates.at("random_start"), 5 * config.train.lr);
  EXPECT_DOUBLE_EQ(rates.at("base"), config.train.lr);
}

TEST(Plan, AWholeModelBesideTowersIsRefused) {
  PretrainConfig config = tiny_config();
  config.init.model = config.init.text = "nowhere";
  EXPECT_THROW(plan_pretrain(config), Error);
}

TEST(Plan, EpochsOfFrozenPrototypesNeedTheData) {
  PretrainConfig config = tiny_config();
  config.loss.proto.freeze_epochs = 2;
  EXPECT_THAT(plan_pretrain(config).not_trained,
              Contains("prototypes: in the first 2 epochs, whose steps are not known"));
}

TEST(Plan, StepsNeedTheDataOrTrainSteps) {
  PretrainConfig config = tiny_config();
  config.train.late_size = 64;
  PretrainPlan plan = plan_pretrain(config);
  EXPECT_EQ(plan.steps, 40);
  EXPECT_EQ(plan.warmup, 4);
  EXPECT_EQ(plan.late, 8);
  EXPECT_FALSE(plan.studies.has_value());
  ASSERT_EQ(plan.memory.size(), 2u);
  EXPECT_GT(plan.memory[1].activations, 1.2 * plan.memory[0].activations);
  EXPECT_THAT(plan.notes, Contains(HasSubstr("data.manifest is not set")));
  config.train.steps = 0;
  plan = plan_pretrain(config);
  EXPECT_FALSE(plan.steps.has_value());
  EXPECT_THAT(plan.notes, Contains(HasSubstr("train.steps is 0")));
}

TEST(Plan, ASettingThatARunRefusesIsRefused) {
  PretrainConfig config = tiny_config();
  config.train.late_size = 20;
  EXPECT_THROW(plan_pretrain(config), Error);
}

// Bytes that tensors take, and the most there were.
struct TensorMemory : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void* /*pointer*/, std::int64_t size, std::size_t /*allocated*/,
                         std::size_t /*reserved*/, c10::Device /*device*/) override {
    now += size;
    most = std::max(most, now);
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t now = 0, most = 0;
};

double measured_step(const PretrainConfig& config, std::int64_t tokens) {
  PretrainObjective objective({config.model, config.loss, 0, {}});
  objective.module().train();
  std::vector<testing::SyntheticStudy> studies = testing::synthetic_studies(config.train.batch);
  for (testing::SyntheticStudy& study : studies) {  // every report of the same length
    study.words.clear();
    for (std::int64_t word = 0; word < tokens - 2; ++word)
      study.words.push_back({{5 + (7 * word + study.number) % 190}, word % 10 < 7});
  }
  const StudyBatch batch = testing::make_batch(studies, tokens, config.model.image_size);
  auto memory = std::make_shared<TensorMemory>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, memory);
  objective.compute(batch, {.step = 1}).total.backward();
  return static_cast<double>(memory->most);
}

double estimated_step(const PretrainConfig& config, std::int64_t tokens) {
  ActivationInput input;
  input.image_size = config.model.image_size;
  input.studies = config.train.batch;
  input.tokens = static_cast<double>(tokens);
  const auto parts = activation_parts(config.model, config.loss, input);
  PretrainConfig alone = config;
  alone.train.threads = 1;
  const PlanMemory plan = plan_pretrain(alone).memory[0];
  // The gradients as the plan has them, all needed at once where activations are few.
  std::vector<double> gradients(parts.size(), 0.0);
  gradients.back() = plan.gradients;
  EXPECT_LE(plan.step, step_peak(parts, gradients, true));
  return plan.step;
}

PretrainConfig middle_config() {
  PretrainConfig config = tiny_config();
  config.model.image_size = config.data.image.crop = config.data.image.size = 96;
  config.model.width = 128;
  for (TowerConfig* tower : {&config.model.frontal, &config.model.lateral}) {
    tower->vit.width = 192;
    tower->vit.layers = 4;
    tower->vit.heads = 4;
  }
  config.model.text.bert.width = 192;
  config.model.text.bert.layers = 4;
  config.model.text.bert.heads = 4;
  config.model.decoder.layers = 4;
  config.model.alignment.layers = 2;
  return config;
}

TEST(Plan, TheMemoryOfAStepIsEstimatedWithinATenth) {
  std::map<std::string, PretrainConfig> configs{{"tiny", tiny_config()},
                                                {"middle", middle_config()}};
  configs["words alone"] = middle_config();
  configs["words alone"].loss = testing::only("mlm", configs["words alone"].loss);
  configs["contrast alone"] = middle_config();
  configs["contrast alone"].loss = testing::only("itc", configs["contrast alone"].loss);
  configs["frozen lateral"] = middle_config();
  configs["frozen lateral"].model.lateral.frozen = true;
  configs["frozen lateral"].model.lateral.allow_random_frozen = true;
  configs["published parts"] = middle_config();
  configs["published parts"].loss.fla.image_negatives = 0;
  configs["published parts"].model.text.dropout = 0.1;
  configs["stem"] = middle_config();
  for (TowerConfig* tower : {&configs["stem"].model.frontal, &configs["stem"].model.lateral})
    tower->vit.stem = {16, 32, 64};
  configs["swin"] = middle_config();
  configs["swin"].model.lateral.kind = "swin";
  configs["swin"].model.lateral.swin.width = 48;
  configs["swin frozen"] = configs["swin"];
  configs["swin frozen"].model.lateral.frozen = true;
  configs["swin frozen"].model.lateral.allow_random_frozen = true;
  configs["dinov2"] = middle_config();
  configs["dinov2"].model.frontal.vit.style = "dinov2";
  configs["one view, sentences"] = middle_config();
  configs["one view, sentences"].loss.views = "frontal";
  configs["one view, sentences"].loss.fla.weight = 0;
  configs["one view, sentences"].loss.local.weight = 1;
  for (const auto& [name, config] : configs) {
    const double measured = measured_step(config, 32), estimated = estimated_step(config, 32);
    EXPECT_NEAR(estimated / measured, 1.0, 0.1)
        << name << ": " << estimated / 1e6 << " MB, measured " << measured / 1e6 << " MB";
    RecordProperty(name, std::to_string(estimated / measured));
  }
}

}  // namespace
}  // namespace biplane
