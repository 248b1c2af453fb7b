// The parts of a downstream training: rates, losses, the fit, augmentation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "biplane/core/error.h"
#include "biplane/tasks/augment.h"
#include "biplane/tasks/class_loss.h"
#include "biplane/tasks/fit.h"
#include "biplane/tasks/layer_decay.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

TEST(LayerDecay, RatesFallFromTheTopOfATowerToItsPatches) {
  ModelConfig config;
  config.frontal.vit.layers = 3;
  config.lateral.kind = "swin";
  config.lateral.swin.depths = {2, 1};
  const auto frontal = [&](const std::string& name) { return layer_rate(name, config, 0.5); };
  for (const char* top :
       {"frontal.ln_post.weight", "frontal_projection.weight", "lateral_adapter.pool1.weight",
        "fusion.linear.weight", "lateral.ln_post.bias"})
    EXPECT_DOUBLE_EQ(frontal(top), 1.0) << top;
  EXPECT_DOUBLE_EQ(frontal("frontal.blocks.2.mlp.c_fc.weight"), 0.5);
  EXPECT_DOUBLE_EQ(frontal("frontal.blocks.0.ln_1.weight"), 0.125);
  for (const char* bottom : {"frontal.patch_weight", "frontal.class_embedding",
                             "frontal.stem.weight_0", "frontal.ln_pre.weight"})
    EXPECT_DOUBLE_EQ(frontal(bottom), 0.0625) << bottom;
  EXPECT_DOUBLE_EQ(frontal("lateral.stages.1.blocks.0.ln_1.weight"), 0.5);
  EXPECT_DOUBLE_EQ(frontal("lateral.stages.0.blocks.1.ln_1.weight"), 0.25);
  EXPECT_DOUBLE_EQ(frontal("lateral.stages.0.downsample.norm.weight"), 0.25);
  EXPECT_DOUBLE_EQ(frontal("lateral.patch_weight"), 0.0625);
}

TEST(ClassLoss, UnknownLabelsGiveNeitherLossNorGradient) {
  torch::Tensor logits = torch::tensor({{0.5F, -1.0F}, {2.0F, 0.0F}}).requires_grad_();
  const torch::Tensor targets = torch::tensor({{1.0F, kUnknown}, {0.0F, 1.0F}});
  EXPECT_EQ(known_targets(targets, "multilabel"), 3);
  const torch::Tensor loss = class_loss_sum(logits, targets, "multilabel");
  const double expected =
      std::log1p(std::exp(-0.5)) + std::log1p(std::exp(2.0)) + std::log1p(std::exp(0.0));
  EXPECT_NEAR(loss.item<double>(), expected, 1e-6);
  loss.backward();
  EXPECT_EQ(logits.grad()[0][1].item<float>(), 0.0F);
  EXPECT_NEAR(logits.grad()[0][0].item<double>(), 1 / (1 + std::exp(-0.5)) - 1, 1e-6);
}

TEST(ClassLoss, OfExclusiveClassesIsCrossEntropyOverKnownStudies) {
  const torch::Tensor logits = torch::tensor({{1.0F, 0.0F, -1.0F}, {3.0F, 3.0F, 3.0F}});
  const torch::Tensor targets = torch::tensor({{0.0F, 1.0F, 0.0F}, {kUnknown, kUnknown, kUnknown}});
  EXPECT_EQ(known_targets(targets, "multiclass"), 1);
  EXPECT_NEAR(class_loss_sum(logits, targets, "multiclass").item<double>(),
              std::log(std::exp(1.0) + 1 + std::exp(-1.0)), 1e-6);
}

// A parameter that walks by 1 a step; its loss is lowest at 3.
struct Walk {
  torch::Tensor value = torch::zeros({1}).requires_grad_();
  std::vector<double> losses;
  std::int64_t batches_per_epoch = 1;

  FitResult run(FitConfig config, const std::function<SelectionScore(double)>& score) {
    FitJob job;
    job.config = config;
    job.parameters = {{"value", value, 1.0, 0.0}};
    job.batches_per_epoch = batches_per_epoch;
    job.gradient = [&](std::int64_t) {
      value.mutable_grad() = torch::full({1}, -1.0);
      return 1.0;
    };
    job.select = [&] { return score(value.item<double>()); };
    job.record = [&](std::int64_t, const StepValues& values) {
      losses.push_back(values.back().second);
    };
    return fit(job);
  }
};

FitConfig walking() {
  FitConfig config;
  config.optimizer = "sgd";
  config.momentum = 0;
  config.lr = 1.0;
  config.weight_decay = 0;
  config.epochs = 20;
  config.patience = 4;
  return config;
}

TEST(Fit, EarlyStoppingRestoresTheBestWeights) {
  Walk walk;
  const FitResult result = walk.run(walking(), [](double x) {
    return SelectionScore{std::abs(x - 3), std::nullopt};
  });
  EXPECT_EQ(walk.value.item<double>(), 3.0);
  EXPECT_EQ(result.best_steps, 3);
  EXPECT_EQ(result.steps, 7) << "four selections without a better one";
}

TEST(Fit, ByTheMetricHigherIsBetterAndUndefinedOnesAreNotTaken) {
  FitConfig config = walking();
  config.stop_on = "metric";
  Walk walk;
  const auto score = [](double x) {
    return SelectionScore{x, x < 2 ? std::nullopt : std::optional<double>(-std::abs(x - 5))};
  };
  EXPECT_EQ(walk.run(config, score).best_steps, 5);
  EXPECT_EQ(walk.value.item<double>(), 5.0);
  Walk never;
  EXPECT_THROW(never.run(config, [](double x) { return SelectionScore{x, std::nullopt}; }), Error);
}

TEST(Fit, SelectionsComeWhenTheyAreAskedFor) {
  FitConfig config = walking();
  config.select_from = 4;
  config.select_every = 3;
  config.epochs = 12;
  config.patience = 0;
  Walk walk;
  walk.run(config, [](double x) { return SelectionScore{100 + x, std::nullopt}; });
  EXPECT_THAT(walk.losses, ::testing::ElementsAre(104, 107, 110, 112));
}

TEST(Fit, SelectionsMayBeCountedInSteps) {
  FitConfig config = walking();
  config.steps = 12;
  config.select_every_steps = 5;
  config.patience = 0;
  Walk walk;
  walk.batches_per_epoch = 3;  // no epoch ends there
  walk.run(config, [](double x) { return SelectionScore{100 + x, std::nullopt}; });
  EXPECT_THAT(walk.losses, ::testing::ElementsAre(105, 110, 112));
}

TEST(Fit, TheRateFallsInALineAfterTheWarmUp) {
  FitConfig config = walking();
  config.steps = 10;
  config.warmup = 2;
  config.schedule = "linear";
  config.patience = 0;
  config.select_every_steps = 1;
  Walk walk;
  walk.run(config, [](double x) { return SelectionScore{-x, std::nullopt}; });
  // 0.1, 0.55, then 8/8, 7/8 ... 1/8: the walk goes by the rate of each step.
  std::vector<double> rates;
  for (std::size_t i = 0; i < walk.losses.size(); ++i)
    rates.push_back((i == 0 ? 0.0 : walk.losses[i - 1]) - walk.losses[i]);
  ASSERT_EQ(rates.size(), 10U);
  EXPECT_NEAR(rates[0], 0.1, 1e-6);
  EXPECT_NEAR(rates[1], 0.55, 1e-6);
  for (std::size_t i = 2; i < 10; ++i)
    EXPECT_NEAR(rates[i], (10 - static_cast<double>(i)) / 8, 1e-6);
}

TEST(Fit, AdamWAndSgdUseTheRatesOfTheirParameters) {
  for (const char* optimizer : {"adamw", "sgd"}) {
    FitConfig config = walking();
    config.optimizer = optimizer;
    config.epochs = 1;
    torch::Tensor slow = torch::zeros({1}).requires_grad_(),
                  fast = torch::zeros({1}).requires_grad_();
    FitJob job;
    job.config = config;
    job.parameters = {{"slow", slow, 0.25, 0.0}, {"fast", fast, 1.0, 0.0}};
    job.gradient = [&](std::int64_t) {
      slow.mutable_grad() = fast.mutable_grad() = torch::ones({1});
      return 1.0;
    };
    job.select = [] { return SelectionScore{1, std::nullopt}; };
    job.record = [](std::int64_t, const StepValues&) {};
    fit(job);
    EXPECT_NEAR(slow.item<double>(), 0.25 * fast.item<double>(), 1e-6) << optimizer;
    EXPECT_NEAR(fast.item<double>(), -1.0, 1e-4) << optimizer;
  }
}

TEST(Augment, CropsAreOfTheAskedAreaAndRatioAndInside) {
  AugmentConfig config;
  config.crop_scale = {0.2, 0.6};
  CounterRandom random(1, "test");
  for (int i = 0; i < 200; ++i) {
    const CropBox box = random_resized_crop(50, 40, config, random);
    EXPECT_GE(box.top, 0);
    EXPECT_LE(box.top + box.height, 50);
    EXPECT_LE(box.left + box.width, 40);
    const double share = static_cast<double>(box.height * box.width) / 2000;
    EXPECT_GT(share, 0.17);
    EXPECT_LT(share, 0.64);
  }
}

AugmentConfig turning(double rotate, double scale, double affine) {
  AugmentConfig config;
  config.rotate = rotate;
  config.scale = scale;
  config.affine = affine;
  return config;
}

TEST(Augment, IsAFunctionOfSeedEpochAndStudy) {
  AugmentConfig config;
  config.crop_scale = {0.3, 1.0};
  config.flip = 0.5;
  StudyBatch batch;
  batch.frontal = torch::rand({4, 1, 20, 20}).expand({4, 3, 20, 20});
  batch.lateral = torch::zeros({4, 1, 20, 20}).expand({4, 3, 20, 20});
  batch.study_index = torch::tensor({7, 8, 9, 10});
  const auto augmented = [&](std::uint64_t seed, std::int64_t epoch, std::int64_t begin) {
    StudyBatch own = batch;
    own.frontal = batch.frontal.slice(0, begin);
    own.lateral = batch.lateral.slice(0, begin);
    own.study_index = batch.study_index.slice(0, begin);
    augment_views(own, config, 16, seed, epoch);
    return own.frontal;
  };
  EXPECT_EQ(augmented(1, 0, 0).sizes(), torch::IntArrayRef({4, 3, 16, 16}));
  EXPECT_TRUE(augmented(1, 0, 0).slice(0, 2).equal(augmented(1, 0, 2)));
  EXPECT_FALSE(augmented(1, 0, 0).equal(augmented(1, 1, 0)));
  EXPECT_FALSE(augmented(1, 0, 0).equal(augmented(2, 0, 0)));
  config = turning(20, 0.2, 1);
  EXPECT_TRUE(augmented(1, 0, 0).slice(0, 2).equal(augmented(1, 0, 2)));
  EXPECT_FALSE(augmented(1, 0, 0).equal(augmented(1, 1, 0)));
  EXPECT_FALSE(augmented(1, 0, 0).equal(augmented(2, 0, 0)));
}

TEST(Augment, TurnsAndScalesAsManyAsAskedForAndByAsMuch) {
  const AugmentConfig config = turning(10, 0.1, 0.5);
  StudyBatch batch;
  batch.frontal = torch::zeros({1000, 1, 1, 1});
  batch.study_index = torch::arange(1000);
  double turned = 0, degrees = 0, largest = 0, smallest_scale = 1, largest_scale = 1;
  for (const ViewChange& change : view_changes(batch, false, config, 3, 0)) {
    EXPECT_FALSE(change.crop || change.flip);
    if (!change.turn) continue;
    ++turned;
    degrees += change.turn->degrees;
    largest = std::max(largest, std::abs(change.turn->degrees));
    smallest_scale = std::min(smallest_scale, change.turn->scale);
    largest_scale = std::max(largest_scale, change.turn->scale);
  }
  EXPECT_NEAR(turned / 1000, 0.5, 0.06);
  EXPECT_NEAR(degrees / turned, 0, 1);
  EXPECT_GT(largest, 9);
  EXPECT_LE(largest, 10);
  EXPECT_GT(largest_scale, 1.09);
  EXPECT_LE(largest_scale, 1.1);
  EXPECT_LT(smallest_scale, 0.91);
  EXPECT_GE(smallest_scale, 0.9);
}

TEST(Fit, ALossThatIsNotFiniteIsAnErrorThatNamesTheStep) {
  Walk walk;
  FitConfig config = walking();
  config.lr = std::numeric_limits<double>::infinity();
  FitJob job;
  job.config = config;
  job.parameters = {{"value", walk.value, 1.0, 0.0}};
  job.gradient = [&](std::int64_t step) {
    walk.value.mutable_grad() = torch::ones({1});
    return step < 2 ? 1.0 : std::numeric_limits<double>::quiet_NaN();
  };
  job.select = [] { return SelectionScore{1, std::nullopt}; };
  job.record = [](std::int64_t, const StepValues&) {};
  try {
    fit(job);
    FAIL() << "it goes on";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailure);
    EXPECT_THAT(error.what(), HasSubstr("step 3: the loss is not finite"));
  }
}

TEST(Fit, TheGradientIsClippedAsAWhole) {
  FitConfig config = walking();
  config.epochs = 1;
  config.clip = 1;
  torch::Tensor a = torch::zeros({1}).requires_grad_(), b = torch::zeros({1}).requires_grad_();
  FitJob job;
  job.config = config;
  job.parameters = {{"a", a, 1.0, 0.0}, {"b", b, 1.0, 0.0}};
  job.gradient = [&](std::int64_t) {
    a.mutable_grad() = torch::full({1}, 3.0);
    b.mutable_grad() = torch::full({1}, 4.0);
    return 1.0;
  };
  job.select = [] { return SelectionScore{1, std::nullopt}; };
  job.record = [](std::int64_t, const StepValues&) {};
  fit(job);
  EXPECT_NEAR(a.item<double>(), -0.6, 1e-5);
  EXPECT_NEAR(b.item<double>(), -0.8, 1e-5);
}

}  // namespace
}  // namespace biplane
