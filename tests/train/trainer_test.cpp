#include "biplane/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"
#include "tests/train/toy_objective.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using testing::ToyObjective;

TrainConfig toy_config() {
  TrainConfig config;
  config.steps = 12;
  config.batch = 6;
  config.lr = 0.02;
  config.checkpoint_every = 4;
  config.keep = 2;
  config.threads = 2;
  return config;
}

struct ToyRun {
  TrainConfig config = toy_config();
  std::optional<std::int64_t> stop_after;  // steps done when a stop is requested
  std::optional<std::int64_t> poison;
  std::string fingerprint = "data";
  std::map<std::string, std::string> keys = {{"model.width", "6"}, {"train.lr", "0.02"}};
  std::vector<std::string> log;

  TrainResult operator()(const fs::path& folder) {
    TrainJob job;
    std::int64_t drawn = 0;
    job.make_objective = [this] {
      auto objective = std::make_unique<ToyObjective>();
      objective->poison = poison;
      return objective;
    };
    job.batches = {[&](std::int64_t index) {
                     ++drawn;
                     return testing::toy_batch(index, config.batch);
                   },
                   5};
    job.config = config;
    job.seed = 3;
    job.run = folder;
    job.identity = {"train: {}\n", keys, fingerprint};
    TrainHooks hooks;
    hooks.log = [this](const std::string& line) { log.push_back(line); };
    hooks.stop_requested = [&] { return stop_after && drawn >= *stop_after; };
    return train(job, hooks);
  }
};

// All parameters and buffers as bytes.
std::string weights_of(TrainResult& result) {
  std::string bytes;
  for (const auto& [name, tensor] : module_state(result.objective->module())) {
    const torch::Tensor whole = tensor.contiguous();
    bytes.append(static_cast<const char*>(whole.const_data_ptr()), whole.nbytes());
  }
  return bytes;
}

std::vector<nlohmann::json> metrics_of(const fs::path& run) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    nlohmann::json parsed = nlohmann::json::parse(line);
    parsed.erase("time/step");
    parsed.erase("time/data");
    lines.push_back(parsed);
  }
  return lines;
}

std::string state_of(const fs::path& run) { return read_file(run / "state"); }

std::vector<std::string> names_of(const std::vector<fs::path>& folders) {
  std::vector<std::string> names;
  for (const fs::path& folder : folders) names.push_back(folder.filename().string());
  return names;
}

void damage(const fs::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(-1, std::ios::end);
  stream.put('\x7f');
}

template <class F>
Error error_of(F&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorKind::kFailure, "");
}

TEST(Trainer, LearnsAndWritesItsFolder) {
  TemporaryFolder folder;
  ToyRun run;
  run.config.steps = 60;
  const TrainResult result = run(folder / "run");
  EXPECT_EQ(result.outcome, TrainOutcome::kDone);
  EXPECT_EQ(result.steps, 60);
  const auto metrics = metrics_of(folder / "run");
  ASSERT_EQ(metrics.size(), 60u);
  EXPECT_EQ(metrics[0]["step"], 1);
  EXPECT_EQ(metrics[0]["epoch"], 0);
  EXPECT_EQ(metrics[5]["epoch"], 1);
  for (const char* key : {"loss", "loss/itc", "loss/size", "lr", "grad_norm", "toy/step"})
    EXPECT_TRUE(metrics[0].contains(key)) << key;
  EXPECT_LT(metrics[59]["loss"].get<double>(), metrics[0]["loss"].get<double>());
  EXPECT_EQ(state_of(folder / "run"), "done\n");
  EXPECT_TRUE(fs::exists(folder / "run/config.yaml"));
  EXPECT_TRUE(fs::exists(folder / "run/out.log"));
}

TEST(Trainer, TheSameRunTwiceIsBitIdentical) {
  TemporaryFolder folder;
  TrainResult a = ToyRun()(folder / "a"), b = ToyRun()(folder / "b");
  EXPECT_EQ(weights_of(a), weights_of(b));
  EXPECT_EQ(metrics_of(folder / "a"), metrics_of(folder / "b"));
}

TEST(Trainer, ThreadsComputeTheSameAsOne) {
  TemporaryFolder folder;
  std::vector<std::vector<nlohmann::json>> metrics;
  for (const std::int64_t threads : {1, 2, 3}) {
    ToyRun run;
    run.config.threads = threads;
    run(folder / std::to_string(threads));
    metrics.push_back(metrics_of(folder / std::to_string(threads)));
  }
  for (std::size_t step = 0; step < metrics[0].size(); ++step) {
    for (const char* key : {"loss", "loss/itc", "loss/size", "grad_norm"}) {
      EXPECT_NEAR(metrics[0][step][key].get<double>(), metrics[1][step][key].get<double>(), 1e-5)
          << key << " step " << step;
      EXPECT_NEAR(metrics[0][step][key].get<double>(), metrics[2][step][key].get<double>(), 1e-5)
          << key << " step " << step;
    }
  }
}

class TrainerResume : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(TrainerResume, GoesOnExactly) {
  for (const double ema : {0.0, 0.9}) {
    TemporaryFolder folder;
    ToyRun whole;
    whole.config.ema = ema;
    TrainResult expected = whole(folder / "whole");
    ToyRun first = whole, second = whole;
    first.stop_after = GetParam();
    EXPECT_EQ(first(folder / "cut").outcome, TrainOutcome::kCheckpointed);
    EXPECT_EQ(state_of(folder / "cut"), "checkpointed\n");
    TrainResult resumed = second(folder / "cut");
    EXPECT_EQ(resumed.resumed_from, GetParam());
    EXPECT_EQ(weights_of(resumed), weights_of(expected));
    EXPECT_EQ(metrics_of(folder / "cut"), metrics_of(folder / "whole"));
    EXPECT_EQ(state_of(folder / "cut"), "done\n");
  }
}

INSTANTIATE_TEST_SUITE_P(AtAnyStep, TrainerResume, ::testing::Values(1, 3, 4, 7, 11));

TEST(Trainer, AFinishedRunStaysAsItIs) {
  TemporaryFolder folder;
  TrainResult first = ToyRun()(folder / "run");
  TrainResult second = ToyRun()(folder / "run");
  EXPECT_EQ(second.resumed_from, 12);
  EXPECT_EQ(weights_of(first), weights_of(second));
  EXPECT_EQ(metrics_of(folder / "run").size(), 12u);
}

TEST(Trainer, LinesAfterTheCheckpointAreReplaced) {
  TemporaryFolder folder;
  ToyRun cut;
  cut.stop_after = 8;
  cut(folder / "run");
  std::ofstream(folder / "run/metrics.jsonl", std::ios::app)
      << "{\"step\":9,\"loss\":1}\n{\"step\":10,\"lo";
  ToyRun()(folder / "run");
  ToyRun()(folder / "whole");
  EXPECT_EQ(metrics_of(folder / "run"), metrics_of(folder / "whole"));
}

TEST(Trainer, ADamagedNewestCheckpointFallsBackToTheOneBefore) {
  for (const char* file :
       {"model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS"}) {
    TemporaryFolder folder;
    TrainResult expected = ToyRun()(folder / "whole");
    ToyRun cut;
    cut.stop_after = 9;
    cut(folder / "run");
    damage(folder / "run/checkpoints/step-9" / file);
    ToyRun again;
    TrainResult resumed = again(folder / "run");
    EXPECT_EQ(resumed.resumed_from, 8) << file;
    EXPECT_EQ(weights_of(resumed), weights_of(expected)) << file;
    EXPECT_THAT(again.log, ::testing::Contains(HasSubstr("warning"))) << file;
  }
}

TEST(Trainer, AMissingFileOfACheckpointIsDamageToo) {
  TemporaryFolder folder;
  ToyRun cut;
  cut.stop_after = 9;
  cut(folder / "run");
  fs::remove(folder / "run/checkpoints/step-9/optimizer.safetensors");
  EXPECT_EQ(ToyRun()(folder / "run").resumed_from, 8);
}

TEST(Trainer, WithAllCheckpointsDamagedItStartsAgain) {
  TemporaryFolder folder;
  TrainResult expected = ToyRun()(folder / "run");
  for (const fs::path& checkpoint : list_checkpoints(folder / "run"))
    damage(checkpoint / "model.safetensors");
  TrainResult again = ToyRun()(folder / "run");
  EXPECT_EQ(again.resumed_from, 0);
  EXPECT_EQ(weights_of(again), weights_of(expected));
  EXPECT_EQ(metrics_of(folder / "run").size(), 12u);
}

TEST(Trainer, KeepsTheLastCheckpointsOnly) {
  TemporaryFolder folder;
  ToyRun()(folder / "run");
  EXPECT_THAT(names_of(list_checkpoints(folder / "run")),
              ::testing::ElementsAre("step-12", "step-8"));
}

TEST(Trainer, WhatAKilledRunLeftHalfWrittenIsRemoved) {
  TemporaryFolder folder;
  fs::create_directories(folder / "run/checkpoints/.unfinished-step-4");
  std::ofstream(folder / "run/checkpoints/.unfinished-step-4/model.safetensors") << "half";
  EXPECT_EQ(ToyRun()(folder / "run").resumed_from, 0);
  EXPECT_FALSE(fs::exists(folder / "run/checkpoints/.unfinished-step-4"));
}

TEST(Trainer, AccumulationAveragesMicroBatches) {
  TemporaryFolder folder;
  ToyRun accumulated;
  accumulated.config.accumulate = 3;
  accumulated.config.steps = 1;
  accumulated(folder / "accumulated");
  // The three micro-batches by hand, each a batch of its own at the same weights; backward() sums
  // their gradients.
  ToyObjective objective;
  const Collective alone;
  const StepContext context{.step = 0, .seed = 3, .collective = &alone};
  double sum = 0, squares = 0;
  for (std::int64_t micro = 0; micro < 3; ++micro) {
    const torch::Tensor total =
        objective.compute(testing::toy_batch(0, 6).rows(2 * micro, 2 * micro + 2), context).total;
    total.backward();
    sum += total.item<double>();
  }
  for (const torch::Tensor& parameter : objective.module().parameters()) {
    if (parameter.grad().defined())
      squares += (parameter.grad() / 3).to(torch::kFloat64).square().sum().item<double>();
  }
  const nlohmann::json step = metrics_of(folder / "accumulated")[0];
  EXPECT_NEAR(step["loss"].get<double>(), sum / 3, 1e-6);
  EXPECT_GT(squares, 1e-4);
  EXPECT_NEAR(step["grad_norm"].get<double>(), std::sqrt(squares), 1e-5 * std::sqrt(squares));
}

TEST(Trainer, ALossThatIsNotFiniteStopsAndNamesTheStudies) {
  TemporaryFolder folder;
  ToyRun run;
  run.poison = 5;
  const Error error = error_of([&] { run(folder / "run"); });
  EXPECT_EQ(error.kind(), ErrorKind::kFailure);
  EXPECT_THAT(error.what(), HasSubstr("step 6"));
  EXPECT_THAT(error.what(), HasSubstr("study-5-0, study-5-1"));
  EXPECT_EQ(state_of(folder / "run"), "failed\n");
  EXPECT_THAT(names_of(list_checkpoints(folder / "run")), ::testing::ElementsAre("step-4"));
}

TEST(Trainer, AnotherArchitectureIsNamed) {
  TemporaryFolder folder;
  ToyRun()(folder / "run");
  ToyRun other;
  other.keys["model.width"] = "8";
  const Error error = error_of([&] { other(folder / "run"); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("another architecture: model.width is 6 there and 8 now"));
}

TEST(Trainer, AnotherConfigurationOrOtherDataAreErrors) {
  TemporaryFolder folder;
  ToyRun()(folder / "run");
  ToyRun rate, data, threads, free;
  rate.keys["train.lr"] = "0.03";
  EXPECT_THAT(error_of([&] { rate(folder / "run"); }).what(),
              HasSubstr("train.lr is 0.02 there and 0.03 now"));
  data.fingerprint = "other";
  EXPECT_THAT(error_of([&] { data(folder / "run"); }).what(), HasSubstr("other studies"));
  threads.config.threads = 3;
  EXPECT_THAT(error_of([&] { threads(folder / "run"); }).what(), HasSubstr("train.threads"));
  free.keys["train.keep"] = "9";
  free.keys["data.exclude_patients_of[0]"] = "other";
  free.config.threads = 0;
  EXPECT_EQ(free(folder / "run").resumed_from, 12);
}

// The number of threads is part of a CPU's arithmetic only.
TEST(Trainer, ARunFromAnotherDeviceTakesTheThreadsOfThisOne) {
  TemporaryFolder folder;
  ToyRun first, second;
  first.config.threads = 1;
  first.keys["train.device"] = "cuda";
  first.stop_after = 4;
  first(folder / "run");
  second.keys["train.device"] = "cpu";
  EXPECT_EQ(second(folder / "run").resumed_from, 4);
  EXPECT_THAT(second.log, ::testing::Contains(HasSubstr("2 threads on cpu")));
}

TEST(Trainer, TwoProcessesCannotShareAFolder) {
  TemporaryFolder folder;
  ToyRun outer;
  bool tried = false;
  TrainJob job;
  job.make_objective = [] { return std::make_unique<ToyObjective>(); };
  job.config = toy_config();
  job.run = folder / "run";
  job.batches = {[&](std::int64_t index) {
                   if (!tried) {
                     EXPECT_EQ(error_of([&] { ToyRun()(folder / "run"); }).kind(),
                               ErrorKind::kUsage);
                   }
                   tried = true;
                   return testing::toy_batch(index, 6);
                 },
                 5};
  train(job, {});
  EXPECT_TRUE(tried);
}

TEST(Trainer, BadValuesAreNamed) {
  TemporaryFolder folder;
  ToyRun run;
  run.config.accumulate = 4;
  EXPECT_THAT(error_of([&] { run(folder / "run"); }).what(), HasSubstr("train.accumulate"));
  run.config = toy_config();
  run.config.threads = 7;
  EXPECT_THAT(error_of([&] { run(folder / "run"); }).what(), HasSubstr("train.threads"));
  EXPECT_FALSE(fs::exists(folder / "run"));
}

}  // namespace
}  // namespace biplane
