// Training on a CUDA device. Skipped by name where LibTorch sees none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "biplane/model/checkpoint.h"
#include "biplane/train/trainer.h"
#include "tests/cuda/needs_cuda.h"
#include "tests/model/synthetic_studies.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

// A run of every term, with queues, dropout, hidden views and diagnostics, on the same few studies.
struct SmallRun {
  TrainConfig config = [] {
    TrainConfig made;
    made.steps = 24;
    made.batch = 8;
    made.lr = 2e-3;
    made.ema = 0.9;
    made.checkpoint_every = 8;
    made.device = "cuda";
    return made;
  }();
  std::optional<std::int64_t> stop_after;  // steps done when a stop is requested
  std::vector<std::string> log;

  static PretrainSettings settings() {
    PretrainSettings settings = testing::all_terms(testing::tiny_settings());
    settings.model.text.dropout = 0.1;
    settings.model.view_dropout.frontal = 0.2;
    settings.loss.proto.queue = 16;
    settings.loss.diagnostics_every = 2;
    settings.loss.fla.gap_every = 3;
    settings.loss.fla.image_negatives = 3;
    settings.loss.itc.soft_targets.weight = 0.2;
    return settings;
  }

  TrainResult operator()(const fs::path& folder) {
    std::vector<testing::SyntheticStudy> studies = testing::synthetic_studies(config.batch);
    studies[1].lateral = studies[2].frontal = false;
    const StudyBatch batch = testing::make_batch(studies);
    std::int64_t drawn = 0;
    TrainJob job;
    job.make_objective = [] { return std::make_unique<PretrainObjective>(settings()); };
    job.batches = {[&](std::int64_t) {
                     ++drawn;
                     return batch;
                   },
                   4};
    job.config = config;
    job.seed = 3;
    job.run = folder;
    job.identity = {"train: {}\n", {{"train.device", config.device}}, "data"};
    TrainHooks hooks;
    hooks.log = [this](const std::string& line) { log.push_back(line); };
    hooks.stop_requested = [&] { return stop_after && drawn >= *stop_after; };
    return train(job, hooks);
  }
};

// The lines of metrics.jsonl without what the clock says.
std::vector<nlohmann::json> metrics_of(const fs::path& run) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string text; std::getline(file, text);) {
    nlohmann::json line = nlohmann::json::parse(text);
    line.erase("time/step");
    line.erase("time/data");
    lines.push_back(line);
  }
  return lines;
}

// Two lines of metrics, figure by figure.
void expect_near(const nlohmann::json& a, const nlohmann::json& b, double relative) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, value] : a.items()) {
    const auto wanted = b.at(name).get<double>();
    EXPECT_NEAR(value.get<double>(), wanted, relative * std::max(1.0, std::abs(wanted))) << name;
  }
}

TEST(CudaTraining, BeginsAsOnTheCpuAndLearns) {
  BIPLANE_NEEDS_CUDA();
  const TemporaryFolder folder;
  SmallRun gpu, cpu;
  cpu.config.device = "cpu";
  cpu.config.threads = 1;
  const TrainResult result = gpu(folder / "gpu");
  cpu(folder / "cpu");
  EXPECT_THAT(gpu.log, Contains(HasSubstr("1 threads on cuda:0")));
  const auto on_gpu = metrics_of(folder / "gpu"), on_cpu = metrics_of(folder / "cpu");
  ASSERT_EQ(on_gpu.size(), 24u);
  expect_near(on_gpu[0], on_cpu[0], 1e-4);
  EXPECT_LT(on_gpu[23]["loss"].get<double>(), 0.8 * on_gpu[0]["loss"].get<double>());
  EXPECT_NEAR(on_gpu[23]["loss"].get<double>(), on_cpu[23]["loss"].get<double>(),
              0.05 * on_cpu[23]["loss"].get<double>());
  for (const auto& [name, tensor] : module_state(result.objective->module()))
    EXPECT_TRUE(tensor.is_cpu()) << name;
}

// Some kernels add in no fixed order, so runs are equal to rounding only.
void expect_near_runs(const fs::path& a, const fs::path& b) {
  const auto left = metrics_of(a), right = metrics_of(b);
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t step = 0; step < left.size(); ++step) expect_near(left[step], right[step], 1e-3);
}

TEST(CudaTraining, TwiceTheSameAndGoingOnAreEqualToRounding) {
  BIPLANE_NEEDS_CUDA();
  const TemporaryFolder folder;
  SmallRun whole, again, cut, rest;
  whole(folder / "whole");
  again(folder / "again");
  cut.stop_after = 11;
  EXPECT_EQ(cut(folder / "cut").outcome, TrainOutcome::kCheckpointed);
  EXPECT_EQ(rest(folder / "cut").resumed_from, 11);
  expect_near_runs(folder / "again", folder / "whole");
  expect_near_runs(folder / "cut", folder / "whole");
}

TEST(CudaTraining, MicroBatchesAreAveraged) {
  BIPLANE_NEEDS_CUDA();
  const TemporaryFolder folder;
  SmallRun gpu, cpu;
  cpu.config.device = "cpu";
  cpu.config.threads = 1;
  for (SmallRun* run : {&gpu, &cpu}) {
    run->config.accumulate = 2;
    run->config.steps = 2;
  }
  gpu(folder / "gpu");
  cpu(folder / "cpu");
  expect_near(metrics_of(folder / "gpu")[0], metrics_of(folder / "cpu")[0], 1e-4);
}

// On the other device the next step is the same to rounding.
TEST(CudaTraining, ARunGoesOnOnTheOtherDevice) {
  BIPLANE_NEEDS_CUDA();
  for (const char* first : {"cuda", "cpu"}) {
    const TemporaryFolder folder;
    SmallRun whole, begin, end;
    whole.config.device = begin.config.device = first;
    end.config.device = first == std::string("cuda") ? "cpu" : "cuda";
    for (SmallRun* run : {&whole, &begin, &end}) run->config.threads = 1;
    begin.stop_after = 11;
    whole(folder / "whole");
    begin(folder / "run");
    EXPECT_EQ(end(folder / "run").resumed_from, 11);
    const auto there = metrics_of(folder / "run"), here = metrics_of(folder / "whole");
    ASSERT_EQ(there.size(), here.size());
    for (std::size_t step = 0; step < 11; ++step) expect_near(there[step], here[step], 1e-3);
    expect_near(there[11], here[11], 1e-3);
    EXPECT_NEAR(there[23]["loss"].get<double>(), here[23]["loss"].get<double>(),
                0.05 * here[23]["loss"].get<double>());
  }
}

}  // namespace
}  // namespace biplane
