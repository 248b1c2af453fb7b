// Schedule, AdamW with clipping, and moving averages against the reference values.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "biplane/core/files.h"
#include "biplane/nn/tensor_file.h"
#include "biplane/train/optimizer.h"
#include "biplane/train/schedule.h"
#include "tests/test_data.h"

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

class GoldenAdamW : public ::testing::Test {
 protected:
  void SetUp() override {
    BIPLANE_NEEDS_TEST_DATA(kFolder);
    config = read_json("config.json");
    inputs = read_tensors("inputs.safetensors");
    outputs = read_tensors("outputs.safetensors");
    for (const auto& [name, lr] : config["lr"].items()) {
      torch::Tensor value = inputs.at("start." + name).clone().requires_grad_();
      parameters.push_back(
          {name, value, lr.get<double>(), config["weight_decay"][name].get<double>()});
    }
  }

  AdamWOptions options() const {
    return {config["betas"][0].get<double>(), config["betas"][1].get<double>(),
            config["eps"].get<double>()};
  }

  void expect_near(const torch::Tensor& actual, const std::string& key, std::int64_t update) const {
    const double difference =
        (actual.detach() - outputs.at(key)[update]).abs().max().item<double>();
    EXPECT_LE(difference, kTolerance) << key << " after update " << update;
  }

  nlohmann::json config;
  TensorMap inputs, outputs;
  std::vector<OptimizedParameter> parameters;
};

TEST_F(GoldenAdamW, UpdatesAndAveragesAgree) {
  AdamW optimizer(parameters, options());
  std::vector<torch::Tensor> values, average, warm;
  for (const OptimizedParameter& parameter : parameters) {
    values.push_back(parameter.value.detach());
    average.push_back(parameter.value.detach().clone());
    warm.push_back(parameter.value.detach().clone());
  }
  const double decay = config["ema_decay"].get<double>();
  const auto steps = config["steps"].get<std::int64_t>();
  for (std::int64_t step = 0; step < steps; ++step) {
    for (OptimizedParameter& parameter : parameters) {
      parameter.value.mutable_grad() = inputs.at("grads." + parameter.name)[step].clone();
    }
    const double norm = optimizer.gradient_norm();
    const auto expected_norm =
        config["grad_norms_before_clipping"][static_cast<std::size_t>(step)].get<double>();
    EXPECT_NEAR(norm, expected_norm, kTolerance * expected_norm);
    const double factor = schedule_factor(step, config["schedule_total"].get<std::int64_t>());
    optimizer.step(factor, clip_factor(norm, config["clip"].get<double>()));
    ema_update(average, values, ema_decay(decay, step + 1, /*warm=*/false));
    ema_update(warm, values, ema_decay(decay, step + 1, /*warm=*/true));
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      expect_near(values[i], "params." + parameters[i].name, step);
      expect_near(average[i], "ema." + parameters[i].name, step);
      expect_near(warm[i], "ema_warm." + parameters[i].name, step);
    }
  }
}

}  // namespace
}  // namespace biplane
