#include "biplane/tasks/finetune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <sstream>

#include "biplane/core/error.h"
#include "biplane/eval/evaluate.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/tasks/augment.h"
#include "biplane/tasks/class_loss.h"
#include "biplane/tasks/fit.h"
#include "biplane/tasks/layer_decay.h"
#include "tests/eval/small_evaluation.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using biplane::testing::SmallEvaluation;
using ::testing::HasSubstr;

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// ---- Parts ----

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

  FitResult run(FitConfig config, const std::function<SelectionScore(double)>& score) {
    FitJob job;
    job.config = config;
    job.parameters = {{"value", value, 1.0, 0.0}};
    job.batches_per_epoch = 1;
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
}

// ---- Whole runs on a small corpus ----

// Patients: of four one tests, one validates, two train.
void set_split(Study& study) {
  const int number = std::stoi(study.study_id.substr(1)) - 100;
  const int place = number / 2 % 4;
  study.split = place == 0 ? Split::kTest : place == 1 ? Split::kValidate : Split::kTrain;
}

class FinetuneTest : public ::testing::Test {
 protected:
  FinetuneConfig config() const {
    FinetuneConfig config;
    config.data.workers = 0;
    config.train.epochs = 3;
    config.train.batch = 8;
    config.train.lr = 0.01;
    config.train.threads = 2;
    config.labels.names = {"nodule", "fracture"};
    return config;
  }

  FinetuneResult run(const FinetuneConfig& config, const std::string& name,
                     std::vector<std::int64_t> seeds = {}) {
    FinetuneOptions options;
    options.model = small_.model_path();
    options.manifest = small_.manifest_path();
    options.out = small_.root() / name;
    options.seeds = std::move(seeds);
    options.bootstrap = 20;
    options.threads = 2;
    options.code = "test";
    options.corpus = "small";
    TrainHooks hooks;
    hooks.log = [this](const std::string& line) { log_ += line + "\n"; };
    return finetune(config, options, hooks);
  }

  TensorMap weights(const std::string& run) const {
    return load_safetensors(small_.root() / run / "model/model.safetensors");
  }

  std::vector<std::string> lines(const std::string& file) const {
    std::istringstream text(read_file(small_.root() / file));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  SmallEvaluation small_{48, 10, set_split};
  std::string log_;
};

TEST_F(FinetuneTest, LinearLeavesTheModelAsItIsAndIsRepeatable) {
  const FinetuneResult first = run(config(), "a"), second = run(config(), "b");
  const TensorMap before = load_safetensors(small_.model_path() / "model.safetensors"),
                  after = weights("a"), again = weights("b");
  for (const auto& [name, tensor] : before) EXPECT_TRUE(tensor.equal(after.at(name))) << name;
  ASSERT_EQ(after.size(), before.size() + 2);
  for (const auto& [name, tensor] : after) EXPECT_TRUE(tensor.equal(again.at(name))) << name;
  EXPECT_GT(after.at("objective.task.linear.weight").abs().max().item<double>(), 0);
  ASSERT_EQ(first.rows.size(), second.rows.size());
  for (std::size_t i = 0; i < first.rows.size(); ++i)
    EXPECT_EQ(first.rows[i].value, second.rows[i].value);
}

TEST_F(FinetuneTest, FineTuningChangesTheTowersThatAreReadAndNoOther) {
  FinetuneConfig config = this->config();
  config.task = "finetune";
  config.train.layer_decay = 0.5;
  config.train.select_from = 3;  // or the best weights may be those of the start
  config.train.epochs = 3;
  run(config, "a");
  const TensorMap before = load_safetensors(small_.model_path() / "model.safetensors"),
                  after = weights("a");
  EXPECT_FALSE(before.at("frontal.patch_weight").equal(after.at("frontal.patch_weight")));
  EXPECT_FALSE(before.at("frontal.ln_post.weight").equal(after.at("frontal.ln_post.weight")));
  for (const auto& [name, tensor] : before) {
    if (name.starts_with("frontal.")) continue;
    EXPECT_TRUE(tensor.equal(after.at(name))) << name;
  }
}

TEST_F(FinetuneTest, ThreadsShareAStepWithoutChangingIt) {
  FinetuneConfig config = this->config();
  config.task = "finetune";
  config.train.epochs = 1;
  config.train.optimizer = "sgd";
  config.train.threads = 1;
  run(config, "one");
  config.train.threads = 3;
  run(config, "three");
  run(config, "again");
  const TensorMap one = weights("one"), three = weights("three"), again = weights("again");
  for (const auto& [name, tensor] : one) {
    EXPECT_TRUE(torch::allclose(tensor, three.at(name), 1e-4, 1e-6)) << name;
    EXPECT_TRUE(three.at(name).equal(again.at(name))) << name;
  }
}

TEST_F(FinetuneTest, AugmentedLinearGoesThroughTheFrozenEncoder) {
  FinetuneConfig config = this->config();
  config.augment.crop_scale = {0.5, 1.0};
  config.augment.flip = 0.5;
  run(config, "a");
  const TensorMap before = load_safetensors(small_.model_path() / "model.safetensors"),
                  after = weights("a");
  for (const auto& [name, tensor] : before) EXPECT_TRUE(tensor.equal(after.at(name))) << name;
  EXPECT_GT(after.at("objective.task.linear.weight").abs().max().item<double>(), 0);
}

TEST_F(FinetuneTest, EvaluateGivesTheSameRowsFromTheModelAlone) {
  FinetuneConfig config = this->config();
  config.data.views = "both";
  config.head.features = "projected";
  const FinetuneResult trained = run(config, "a");
  EvaluateOptions options;
  options.model = small_.root() / "a";
  options.manifest = small_.manifest_path();
  options.out = small_.out();
  options.tasks = {"linear"};
  options.bootstrap = 20;
  options.code = "test";
  options.corpus = "small";
  evaluate(options);
  const auto evaluated = lines("out/results.jsonl");
  ASSERT_EQ(evaluated.size(), trained.lines.size());
  for (std::size_t i = 0; i < evaluated.size(); ++i) {
    auto row = nlohmann::json::parse(evaluated[i]);
    row["prompts_sha256"] = nullptr;  // of the zero-shot task, which stands beside it there
    EXPECT_EQ(row, nlohmann::json::parse(trained.lines[i]));
  }
  EXPECT_EQ(lines("a/results.jsonl"), trained.lines);
  std::set<std::string> columns;
  for (const ResultRow& row : trained.rows) columns.insert(row.views + row.population);
  EXPECT_THAT(columns, ::testing::ElementsAre("both", "bothall", "lateral_missing"));
  options.tasks = {"finetune"};
  options.out = small_.root() / "other";
  EXPECT_THAT(evaluate(options).notes, ::testing::Contains(HasSubstr("finetune: skipped")));
}

TEST_F(FinetuneTest, TheBatchSizeDoesNotChangeScores) {
  FinetuneConfig config = this->config();
  config.data.views = "both";
  run(config, "a");
  const fs::path model = small_.root() / "a/model";
  const Engine engine = Engine::open(model);
  const Manifest manifest = Manifest::read(small_.manifest_path());
  std::vector<std::int64_t> all(manifest.summaries().size());
  std::iota(all.begin(), all.end(), 0);
  const auto predict = [&](std::int64_t batch) {
    return predict_head(engine, *read_task(model), manifest, all, {.batch = batch, .threads = 1});
  };
  const HeadPredictions one = predict(1), many = predict(32);
  ASSERT_EQ(one.columns.size(), many.columns.size());
  for (std::size_t c = 0; c < one.columns.size(); ++c) {
    for (std::size_t i = 0; i < one.columns[c].probability.size(); ++i)
      EXPECT_NEAR(one.columns[c].probability[i], many.columns[c].probability[i], 1e-5);
  }
}

TEST_F(FinetuneTest, SeedsThatAreDoneAreNotDoneAgain) {
  const FinetuneResult two = run(config(), "a", {42, 0});
  const auto means = lines("a/results.jsonl"), of_seed = lines("a/seed-42/results.jsonl");
  EXPECT_EQ(means, two.lines);
  const auto line = nlohmann::json::parse(means.front());
  EXPECT_EQ(line["seeds"], nlohmann::json({42, 0}));
  log_.clear();
  run(config(), "a", {42, 0});
  EXPECT_THAT(log_, HasSubstr("seed-42: is done"));
  EXPECT_THAT(log_, HasSubstr("seed-0: is done"));
  EXPECT_EQ(lines("a/results.jsonl"), means) << "the same rows are not written twice";
  run(config(), "a", {42, 0, 1});
  EXPECT_EQ(lines("a/seed-42/results.jsonl"), of_seed);
  EXPECT_EQ(lines("a/results.jsonl").size(), 2 * means.size()) << "appended";
}

TEST_F(FinetuneTest, AnUnfinishedSeedIsDoneAndAnotherConfigurationIsRefused) {
  run(config(), "a", {42, 0});
  write_file_atomically(small_.root() / "a/seed-0/state", "running\n");
  log_.clear();
  run(config(), "a", {42, 0});
  EXPECT_THAT(log_, HasSubstr("seed-42: is done"));
  EXPECT_THAT(log_, ::testing::Not(HasSubstr("seed-0: is done")));
  FinetuneConfig other = config();
  other.train.lr = 0.02;
  try {
    run(other, "a", {42});
    FAIL() << "another learning rate is taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("train.lr is 0.01 there and 0.02 now"));
  }
}

TEST_F(FinetuneTest, RandomWeightsAreThoseOfTheSeed) {
  FinetuneConfig config = this->config();
  config.init = "random";
  run(config, "a", {1, 2});
  const TensorMap before = load_safetensors(small_.model_path() / "model.safetensors");
  EXPECT_FALSE(
      before.at("frontal.patch_weight").equal(weights("a/seed-1").at("frontal.patch_weight")));
  EXPECT_FALSE(weights("a/seed-1")
                   .at("frontal.patch_weight")
                   .equal(weights("a/seed-2").at("frontal.patch_weight")));
}

TEST_F(FinetuneTest, ExclusiveClassesAreLearned) {
  FinetuneConfig config = this->config();
  config.labels.kind = "multiclass";
  config.labels.names = {"nodule", "fracture"};
  config.train.stop_on = "metric";
  const FinetuneResult result = run(config, "a");
  const auto accuracy = std::find_if(
      result.rows.begin(), result.rows.end(),
      [](const ResultRow& row) { return row.metric == "accuracy" && row.label == "all"; });
  ASSERT_NE(accuracy, result.rows.end());
  EXPECT_TRUE(accuracy->value);
}

}  // namespace
}  // namespace biplane
