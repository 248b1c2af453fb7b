#include "biplane/tasks/finetune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "biplane/core/error.h"
#include "biplane/eval/evaluate.h"
#include "biplane/eval/head_evaluator.h"
#include "tests/tasks/small_finetune.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using biplane::testing::FinetuneTest;
using ::testing::HasSubstr;

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
