// Schedule, gradient norms, AdamW with clipping, and moving averages against the reference values.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/files.h"
#include "biplane/nn/tensor_file.h"
#include "biplane/train/optimizer.h"
#include "biplane/train/replicas.h"
#include "biplane/train/schedule.h"
#include "tests/test_data.h"
#include "tests/train/toy_objective.h"

namespace biplane {
namespace {

constexpr const char* kFolder = "golden/method/optimisation";
constexpr double kScheduleTolerance = 1e-12;
constexpr double kTolerance = 1e-6;

nlohmann::json read_json(const std::string& name) {
  return nlohmann::json::parse(read_file(testing::test_data(std::string(kFolder) + "/" + name)));
}

TensorMap read_tensors(const std::string& name) {
  return load_safetensors(testing::test_data(std::string(kFolder) + "/" + name));
}

TEST(GoldenOptimisation, ScheduleAgreesForEveryLength) {
  BIPLANE_NEEDS_TEST_DATA(kFolder);
  const nlohmann::json lengths = read_json("schedule.json");
  ASSERT_FALSE(lengths.empty());
  for (const auto& [length, expected] : lengths.items()) {
    const std::int64_t total = std::stoll(length);
    EXPECT_EQ(warmup_steps(total, 0.1), expected["warmup_steps"].get<std::int64_t>()) << length;
    const auto factors = expected["factor"].get<std::vector<double>>();
    ASSERT_EQ(static_cast<std::int64_t>(factors.size()), total);
    for (std::int64_t step = 0; step < total; ++step) {
      EXPECT_NEAR(schedule_factor(step, total), factors[static_cast<std::size_t>(step)],
                  kScheduleTolerance)
          << length << " step " << step;
    }
    EXPECT_EQ(schedule_factor(total, total), expected["factor_at_total"].get<double>());
  }
}

// A loss whose gradients at step k are the reference's of that step; each rank has its part of
// them, of another size.
class GoldenObjective : public Objective {
 public:
  GoldenObjective(const nlohmann::json& config, const TensorMap& inputs) : inputs_(inputs) {
    for (const auto& [name, lr] : config["lr"].items()) {
      const torch::Tensor value =
          module_.register_parameter(name, inputs.at("start." + name).clone());
      groups_.push_back({name, {value}, lr.get<double>()});
    }
  }

  LossTerms compute(const StudyBatch&, const StepContext& context) override {
    const auto rank = static_cast<double>(context.collective->rank),
               size = static_cast<double>(context.collective->size);
    const double part = 2 * (rank + 1) / (size * (size + 1));
    LossTerms loss;
    loss.total = torch::zeros({});
    for (const ParameterGroup& group : groups_) {
      const torch::Tensor gradient = inputs_.at("grads." + group.name)[context.step] * part;
      loss.total = loss.total + (group.parameters[0] * gradient).sum();
    }
    return loss;
  }
  torch::nn::Module& module() override { return module_; }
  std::vector<ParameterGroup> parameter_groups() override { return groups_; }
  void after_step(const StepContext&) override {}

 private:
  const TensorMap& inputs_;
  torch::nn::Module module_;
  std::vector<ParameterGroup> groups_;
};

class GoldenAdamW : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override {
    BIPLANE_NEEDS_TEST_DATA(kFolder);
    config = read_json("config.json");
    inputs = read_tensors("inputs.safetensors");
    outputs = read_tensors("outputs.safetensors");
  }

  AdamW optimizer_of(Replicas& replicas) const {
    std::vector<OptimizedParameter> parameters = optimized_parameters(replicas.master(), 0);
    for (OptimizedParameter& parameter : parameters)
      parameter.weight_decay = config["weight_decay"][parameter.name].get<double>();
    return {std::move(parameters),
            AdamWOptions{config["betas"][0].get<double>(), config["betas"][1].get<double>(),
                         config["eps"].get<double>()}};
  }

  void expect_near(const torch::Tensor& actual, const std::string& key, std::int64_t update) const {
    const double difference =
        (actual.detach() - outputs.at(key)[update]).abs().max().item<double>();
    EXPECT_LE(difference, kTolerance) << key << " after update " << update;
  }

  nlohmann::json config;
  TensorMap inputs, outputs;
};

// As in training: gradients of several replicas, summed, their norm, the clipped update.
TEST(Schedule, AConstantPartDelaysTheCosine) {
  constexpr std::int64_t kTotal = 100;
  const auto factor = [](std::int64_t step) { return schedule_factor(step, kTotal, 0.1, 0.5); };
  for (std::int64_t step = 0; step < 10; ++step)
    EXPECT_EQ(factor(step), schedule_factor(step, kTotal)) << step;
  for (std::int64_t step = 10; step <= 55; ++step) EXPECT_EQ(factor(step), 1.0) << step;
  EXPECT_LT(factor(56), 1.0);
  EXPECT_NEAR(factor(55 + 15), 0.75, 1e-12);  // a third of the way down
  EXPECT_EQ(factor(kTotal), 0.0);
}

TEST_P(GoldenAdamW, NormsUpdatesAndAveragesAgreeForAnyNumberOfReplicas) {
  Replicas replicas([&] { return std::make_unique<GoldenObjective>(config, inputs); }, GetParam());
  AdamW optimizer = optimizer_of(replicas);
  std::vector<torch::Tensor> values, average, warm;
  for (const OptimizedParameter& parameter : optimizer.parameters()) {
    values.push_back(parameter.value.detach());
    average.push_back(parameter.value.detach().clone());
    warm.push_back(parameter.value.detach().clone());
  }
  const double decay = config["ema_decay"].get<double>();
  const auto steps = config["steps"].get<std::int64_t>();
  for (std::int64_t step = 0; step < steps; ++step) {
    const StepContext context{.step = step};
    const double norm =
        replicas.compute(testing::toy_batch(step, GetParam()), /*accumulate=*/1, context, optimizer)
            .gradient_norm;
    const auto expected_norm =
        config["grad_norms_before_clipping"][static_cast<std::size_t>(step)].get<double>();
    EXPECT_NEAR(norm, expected_norm, kTolerance * expected_norm) << "step " << step;
    const double factor = schedule_factor(step, config["schedule_total"].get<std::int64_t>());
    replicas.update(optimizer, factor, clip_factor(norm, config["clip"].get<double>()), context);
    ema_update(average, values, ema_decay(decay, step + 1, /*warm=*/false));
    ema_update(warm, values, ema_decay(decay, step + 1, /*warm=*/true));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string& name = optimizer.parameters()[i].name;
      expect_near(values[i], "params." + name, step);
      expect_near(average[i], "ema." + name, step);
      expect_near(warm[i], "ema_warm." + name, step);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Replicas, GoldenAdamW, ::testing::Values(1, 2, 4));

}  // namespace
}  // namespace biplane
