// Parts of a downstream training that published protocols have: schedules, decay of everything, the
// last batch of an epoch, the mean patch as feature.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "biplane/core/error.h"
#include "biplane/data/sampler.h"
#include "biplane/eval/evaluate.h"
#include "biplane/inference/task_features.h"
#include "biplane/model/image_tower.h"
#include "biplane/tasks/head_training.h"
#include "biplane/train/schedule.h"
#include "tests/tasks/small_finetune.h"

namespace biplane {
namespace {

using biplane::testing::FinetuneTest;
using biplane::testing::kSide;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- Schedules ----

TEST(FitSchedule, TheWarmUpRisesInALineFromTheFactorItIsGiven) {
  for (const double from : {0.0, 0.1, 1.0}) {
    for (const char* shape : {"constant", "linear", "cosine"}) {
      const FitSchedule schedule{shape, 100, 10, from};
      EXPECT_EQ(fit_factor(schedule, 0), from);
      EXPECT_NEAR(fit_factor(schedule, 5), (1 + from) / 2, 1e-12);
      EXPECT_EQ(fit_factor(schedule, 10), 1.0);
    }
  }
}

TEST(FitSchedule, OnAQuarterOfTheWayDownShapesDiffer) {
  EXPECT_EQ(fit_factor({"constant", 110, 10, 0}, 35), 1.0);
  EXPECT_NEAR(fit_factor({"linear", 110, 10, 0}, 35), 0.75, 1e-12);
  EXPECT_NEAR(fit_factor({"cosine", 110, 10, 0}, 35), (1 + std::sqrt(0.5)) / 2, 1e-12);
}

TEST(FitSchedule, ACosineFromATenthIsThatOfPretraining) {
  for (std::int64_t step = 0; step < 100; ++step)
    EXPECT_EQ(fit_factor({"cosine", 100, 10, 0.1}, step), schedule_factor(step, 100, 0.1)) << step;
}

TEST(FitSchedule, BehindItsEndALineStaysAtZeroAndACosineRisesAgain) {
  const FitSchedule line{"linear", 100, 10, 0}, cosine{"cosine", 100, 10, 0};
  EXPECT_EQ(fit_factor(line, 100), 0.0);
  EXPECT_EQ(fit_factor(line, 130), 0.0);
  EXPECT_NEAR(fit_factor(cosine, 100), 0.0, 1e-12);
  for (const std::int64_t away : {1, 20, 90})
    EXPECT_NEAR(fit_factor(cosine, 100 + away), fit_factor(cosine, 100 - away), 1e-12);
}

TEST(FitSchedule, AWarmUpLongerThanTheRunIsCut) {
  EXPECT_NEAR(fit_factor({"cosine", 4, 10, 0}, 3), 0.75, 1e-12);
}

// What a parameter with gradient -1 walks in each step of a run: its rates.
std::vector<double> rates_of(FitConfig config, std::int64_t steps) {
  config.optimizer = "sgd";
  config.momentum = config.weight_decay = 0;
  config.lr = 2;
  config.steps = steps;
  config.patience = 0;
  config.select_every_steps = 1;
  torch::Tensor value = torch::zeros({1}).requires_grad_();
  std::vector<double> places = {0};
  FitJob job;
  job.config = config;
  job.parameters = {{"value", value, 1.0, 0.0}};
  job.gradient = [&](std::int64_t) {
    value.mutable_grad() = torch::full({1}, -1.0);
    return 1.0;
  };
  job.select = [&] {
    places.push_back(value.item<double>());
    return SelectionScore{1, std::nullopt};
  };
  job.record = [](std::int64_t, const StepValues&) {};
  fit(job);
  std::vector<double> rates;
  for (std::size_t i = 1; i < places.size(); ++i) rates.push_back(places[i] - places[i - 1]);
  return rates;
}

TEST(FitSchedule, ARunGoesByTheLengthThatIsGivenElseByItsOwn) {
  FitConfig config;
  config.schedule = "linear";
  config.warmup = 2;
  config.warmup_from = 0;
  const auto near = [](double value) { return ::testing::DoubleNear(value, 1e-5); };
  EXPECT_THAT(rates_of(config, 6),
              ElementsAre(near(0), near(1), near(2), near(1.5), near(1), near(0.5)));
  config.schedule_steps = 4;
  EXPECT_THAT(rates_of(config, 6),
              ElementsAre(near(0), near(1), near(2), near(1), near(0), near(0)));
}

// ---- Weight decay ----

class PublishedParts : public FinetuneTest {
 protected:
  static FitConfig decaying(bool all) {
    FitConfig config;
    config.weight_decay = 0.25;
    config.decay_all = all;
    return config;
  }

  FinetuneConfig mean_patch_config(const std::string& task) const {
    FinetuneConfig config = this->config();
    config.task = task;
    config.data.views = "both";
    config.head.features = "mean_patch";
    config.head.norm = "layer";
    return config;
  }

  std::int64_t last_step(const std::string& run) const {
    return nlohmann::json::parse(lines(run + "/metrics.jsonl").back()).at("step");
  }
};

TEST_F(PublishedParts, OfTheHeadMatricesDecayOrEverything) {
  ClassifierConfig config;
  config.labels.names = {"a", "b"};
  config.norm = "layer";
  const ClassifierHead head(config, 4);
  for (const bool all : {false, true}) {
    std::vector<OptimizedParameter> parameters;
    add_head_parameters(decaying(all), head, parameters);
    ASSERT_EQ(parameters.size(), 4U);
    for (const OptimizedParameter& parameter : parameters) {
      const bool decays = all || parameter.name == "objective.task.linear.weight";
      EXPECT_EQ(parameter.weight_decay, decays ? 0.25 : 0.0) << parameter.name;
    }
  }
}

TEST_F(PublishedParts, SoOfTheEncoder) {
  const MultiviewModel model(small_.description().config, 1);
  const auto frontal = [](const std::string& name) { return name.starts_with("frontal."); };
  std::vector<OptimizedParameter> some, all;
  add_encoder_parameters(decaying(false), model, frontal, some);
  add_encoder_parameters(decaying(true), model, frontal, all);
  ASSERT_EQ(some.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].weight_decay, 0.25) << all[i].name;
    EXPECT_EQ(some[i].weight_decay, takes_weight_decay(some[i].name, some[i].value) ? 0.25 : 0.0);
  }
}

// ---- The last batch of an epoch ----

TEST(KeepLast, EveryEpochSeesEveryStudyOnce) {
  BatchSampler sampler({.studies = 50, .batch = 8, .seed = 7, .keep_last = true});
  ASSERT_EQ(sampler.batches_per_epoch(), 7);
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    std::multiset<std::int64_t> seen;
    for (std::int64_t step = 7 * epoch; step < 7 * (epoch + 1); ++step) {
      const BatchPlan plan = sampler.plan(step);
      EXPECT_EQ(plan.epoch, epoch);
      EXPECT_EQ(plan.studies.size(), step % 7 == 6 ? 2U : 8U);
      seen.insert(plan.studies.begin(), plan.studies.end());
      for (const std::int64_t reserve : plan.reserves)
        EXPECT_EQ(std::count(plan.studies.begin(), plan.studies.end(), reserve), 0);
    }
    EXPECT_EQ(seen.size(), 50U);
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 50U);
  }
}

TEST(KeepLast, FewerStudiesThanABatchAreOneBatch) {
  BatchSampler sampler({.studies = 3, .batch = 8, .keep_last = true});
  EXPECT_EQ(sampler.batches_per_epoch(), 1);
  EXPECT_EQ(sampler.plan(5).studies.size(), 3U);
}

TEST_F(PublishedParts, KeepingTheLastBatchIsAStepMoreInEveryEpoch) {
  for (const char* task : {"linear", "finetune"}) {
    FinetuneConfig config = this->config();
    config.task = task;
    config.train.batch = 7;
    const std::string name = task;
    run(config, name);
    std::smatch found;
    ASSERT_TRUE(std::regex_search(log_, found, std::regex(R"((\d+) studies to train on)")));
    const std::int64_t studies = std::stoll(found[1]);
    ASSERT_NE(studies % 7, 0) << "or nothing is left of an epoch";
    EXPECT_EQ(last_step(name), 3 * (studies / 7));
    config.train.keep_last = true;
    run(config, name + "-kept");
    EXPECT_EQ(last_step(name + "-kept"), 3 * (studies / 7 + 1));
  }
}

// ---- The mean patch ----

torch::Tensor pixels(std::int64_t count) {
  torch::Tensor values = torch::zeros({count, 3, kSide, kSide});
  Initializer(3).normal("pixels", values, 1.0);
  return values.sigmoid();
}

TEST(MeanPatch, IsThatOfTheLastBlockWithoutClassTokenAndRegisters) {
  TowerConfig config;
  config.vit.style = "dinov2";
  config.vit.patch = 8;
  config.vit.width = 16;
  config.vit.layers = config.vit.heads = 2;
  config.vit.registers = 4;
  ImageTower tower(config, kSide);
  tower.initialise(Initializer(1));
  const auto network = std::dynamic_pointer_cast<VisionTransformer>(tower.module());
  std::vector<torch::Tensor> blocks;
  network->forward(pixels(2), nullptr, &blocks);
  const VisionTokens view = tower.forward(pixels(2));
  EXPECT_TRUE(torch::allclose(view.mean_patch(), blocks.back().slice(1, 5).mean(1), 1e-5, 1e-6));
  EXPECT_FALSE(torch::allclose(view.mean_patch(), view.patches().mean(1), 1e-3, 1e-3))
      << "these are behind the final norm";
}

TEST(MeanPatch, OfASwinIsThatOfTheLastStage) {
  TowerConfig config;
  config.kind = "swin";
  config.swin.width = 8;
  config.swin.depths = {1, 2};
  config.swin.heads = {1, 2};
  config.swin.window = 3;
  ImageTower tower(config, kSide);
  tower.initialise(Initializer(1));
  const auto network = std::dynamic_pointer_cast<SwinTransformer>(tower.module());
  std::vector<torch::Tensor> stages;
  network->forward(pixels(2), &stages);
  const torch::Tensor mean = tower.forward(pixels(2)).mean_patch();
  EXPECT_EQ(mean.size(1), tower.width());
  EXPECT_TRUE(torch::allclose(mean, stages.back().mean(1), 1e-5, 1e-6));
}

TEST_F(PublishedParts, TheHeadReadsTheMeanPatchOfTheViewsThereAre) {
  ModelConfig architecture = small_.description().config;
  architecture.frontal.vit.pooling = architecture.lateral.vit.pooling =
      "mean";  // maps without norm
  const MultiviewModel model(architecture, 1);
  StudyBatch batch;
  batch.frontal = pixels(3);
  batch.lateral = pixels(3).flip(0);
  batch.has_frontal = torch::ones({3}, torch::kBool);
  batch.has_lateral = torch::tensor({1, 0, 1}).to(torch::kBool);
  ClassifierConfig config;
  config.views = "both";
  config.features = "mean_patch";
  const torch::Tensor features = join_parts(model, view_parts(model, batch, config), config);
  ASSERT_EQ(features.size(1), feature_width(config, architecture));
  const auto mean = [&](const torch::Tensor& images, bool lateral) {
    return model.feature_maps(images, lateral, {1})[0].mean({2, 3});
  };
  const std::int64_t width = architecture.frontal.vit.width;
  EXPECT_TRUE(torch::allclose(features.slice(1, 0, width), mean(batch.frontal, false), 1e-4, 1e-5));
  const torch::Tensor lateral = features.slice(1, width), wanted = mean(batch.lateral, true);
  EXPECT_EQ(lateral[1].abs().max().item<double>(), 0) << "there is no lateral";
  for (const std::int64_t row : {0, 2})
    EXPECT_TRUE(torch::allclose(lateral[row], wanted[row], 1e-4, 1e-5));
}

TEST_F(PublishedParts, AHeadOnTheMeanPatchIsMeasuredTheSameFromTheModelAlone) {
  for (const std::string task : {"linear", "finetune"}) {
    const FinetuneResult trained = run(mean_patch_config(task), task);
    EXPECT_EQ(read_task(small_.root() / task / "model")->classifier.features, "mean_patch");
    EvaluateOptions options;
    options.model = small_.root() / task;
    options.manifest = small_.manifest_path();
    options.out = small_.root() / (task + "-evaluated");
    options.tasks = {task};
    options.bootstrap = 20;
    options.code = "test";
    options.corpus = "small";
    evaluate(options);
    const auto evaluated = lines(task + "-evaluated/results.jsonl");
    ASSERT_EQ(evaluated.size(), trained.lines.size());
    for (std::size_t i = 0; i < evaluated.size(); ++i)
      EXPECT_EQ(nlohmann::json::parse(evaluated[i]).at("value"),
                nlohmann::json::parse(trained.lines[i]).at("value"));
  }
}

TEST_F(PublishedParts, ItIsAnotherFeatureThanThatOfTheTower) {
  FinetuneConfig config = mean_patch_config("linear");
  run(config, "mean");
  config.head.features = "tower";
  run(config, "tower");
  EXPECT_FALSE(weights("mean")
                   .at("objective.task.linear.weight")
                   .equal(weights("tower").at("objective.task.linear.weight")));
}

TEST_F(PublishedParts, AFeatureThatIsNotKnownIsRefusedInAModel) {
  run(config(), "a");
  const auto file = small_.root() / "a/model/task.json";
  auto task = nlohmann::ordered_json::parse(read_file(file));
  task["classifier"]["features"] = "patches";
  write_file_atomically(file, task.dump());
  try {
    read_task(small_.root() / "a/model");
    FAIL() << "it is read";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), HasSubstr("classifier.features"));
  }
}

}  // namespace
}  // namespace biplane
