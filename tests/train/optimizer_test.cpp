#include "biplane/train/optimizer.h"

#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "tests/train/toy_objective.h"

namespace biplane {
namespace {

std::vector<OptimizedParameter> three_parameters() {
  std::vector<OptimizedParameter> parameters;
  for (std::int64_t i = 0; i < 3; ++i) {
    torch::Tensor value = torch::arange(4 + i, torch::kFloat32).requires_grad_();
    value.mutable_grad() = torch::full({4 + i}, 0.5 * static_cast<double>(i + 1));
    parameters.push_back(
        {"p" + std::to_string(i), value, 1.0 + static_cast<double>(i % 2), i == 0 ? 0.1 : 0.0});
  }
  return parameters;
}

TEST(AdamW, ShardsTogetherAreOneStep) {
  std::vector<OptimizedParameter> whole = three_parameters(), parts = three_parameters();
  AdamW a(whole, {}), b(parts, {});
  a.step(0.1, 0.5);
  for (std::int64_t index = 0; index < 2; ++index) b.step(0.1, 0.5, {index, 2});
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_TRUE(torch::equal(whole[i].value, parts[i].value)) << i;
  std::size_t covered = 0;
  for (std::int64_t index = 0; index < 5; ++index) {
    const auto [begin, end] = b.range({index, 5});
    EXPECT_EQ(begin, covered);
    covered = end;
  }
  EXPECT_EQ(covered, parts.size());
}

TEST(AdamW, AParameterWithoutGradientIsLeftAlone) {
  std::vector<OptimizedParameter> parameters = three_parameters();
  const torch::Tensor before = parameters[0].value.detach().clone();
  parameters[0].value.mutable_grad().reset();
  AdamW optimizer(parameters, {});
  optimizer.step(0.1);
  EXPECT_TRUE(torch::equal(parameters[0].value.detach(), before));
  EXPECT_EQ(optimizer.state().at("updates.p0").item<double>(), 0);
  EXPECT_EQ(optimizer.state().at("updates.p1").item<double>(), 1);
}

TEST(AdamW, StateMovesToAnotherOptimizer) {
  std::vector<OptimizedParameter> parameters = three_parameters();
  AdamW first(parameters, {});
  first.step(0.1);
  TensorMap state;
  for (const auto& [name, tensor] : first.state()) state.emplace(name, tensor.clone());
  AdamW second(parameters, {});
  second.load_state(state);
  for (const auto& [name, tensor] : second.state())
    EXPECT_TRUE(torch::equal(tensor, first.state().at(name))) << name;
  state.erase("moment2.p1");
  EXPECT_THROW(second.load_state(state), Error);
}

TEST(AdamW, EveryParameterMustBeInOneGroup) {
  class Forgetful : public testing::ToyObjective {
   public:
    std::vector<ParameterGroup> parameter_groups() override {
      return {testing::ToyObjective::parameter_groups()[0]};
    }
  };
  class Greedy : public testing::ToyObjective {
   public:
    std::vector<ParameterGroup> parameter_groups() override {
      auto groups = testing::ToyObjective::parameter_groups();
      groups.push_back(groups[0]);
      return groups;
    }
  };
  Forgetful forgetful;
  Greedy greedy;
  EXPECT_THROW(optimized_parameters(forgetful, 0.1), c10::Error);
  EXPECT_THROW(optimized_parameters(greedy, 0.1), c10::Error);
}

TEST(Clip, BoundsTheNorm) {
  EXPECT_EQ(clip_factor(0.5, 1.0), 1.0);
  EXPECT_NEAR(clip_factor(4.0, 1.0), 0.25, 1e-6);
  EXPECT_EQ(clip_factor(4.0, 0.0), 1.0);
}

}  // namespace
}  // namespace biplane
