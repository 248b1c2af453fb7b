// The gradient map against models whose answer is known, and against finite differences.
#include "biplane/inference/phrase_gradient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "biplane/inference/engine.h"
#include "biplane/inference/tensor_image.h"
#include "biplane/model/losses.h"
#include "tests/eval/small_evaluation.h"

namespace biplane {
namespace {

using testing::kSide;
using testing::SmallEvaluation;

constexpr std::int64_t kPatch = 8, kWidth = 16;  // of small_evaluation.h
constexpr std::int64_t kGrid = kSide / kPatch;

FloatImage noise(std::uint64_t seed) {
  CounterRandom random(seed, "image");
  FloatImage image = make_float(kSide, kSide);
  for (float& pixel : image.pixels) pixel = static_cast<float>(random.below(256)) / 255.0F;
  return image;
}

torch::Tensor two_phrases() {
  const torch::Tensor places = torch::arange(kWidth, torch::kFloat64);
  return unit(torch::stack({torch::sin(places + 1.0), torch::cos(1.7 * places)}));
}

// A tower of each family, and the view that it reads.
struct Family {
  std::string name;
  bool lateral = false;
  std::function<void(TowerConfig&)> change;
  friend void PrintTo(const Family& family, std::ostream* out) { *out << family.name; }
};

void make_stem(TowerConfig& tower) { tower.vit.stem = {4, 8, 8}; }
void make_patches(TowerConfig& tower) { tower.vit.style = "timm"; }
void make_mean(TowerConfig& tower) { tower.vit.pooling = "mean"; }
void make_swin(TowerConfig& tower) {
  tower.kind = "swin";
  tower.swin.width = 8;
  tower.swin.depths = {2, 1};
  tower.swin.heads = {2, 2};
  tower.swin.window = 2;
}

ModelConfig config_of(const Family& family) {
  ModelConfig config = SmallEvaluation(2).description().config;
  TowerConfig& tower = family.lateral ? config.lateral : config.frontal;
  tower.vit.layers = 2;
  family.change(tower);
  return config;
}

// A model in double precision, in which differences are exact enough.
std::shared_ptr<MultiviewModel> double_model(const ModelConfig& config) {
  auto model = std::make_shared<MultiviewModel>(config, /*seed=*/3);
  model->to(torch::kFloat64);
  model->eval();
  return model;
}

torch::Tensor cosines(const MultiviewModel& model, const torch::Tensor& plane, bool lateral) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor pixels = plane.expand({1, 3, plane.size(2), plane.size(3)});
  const ViewFeatures view = lateral ? model.encode_lateral(pixels) : model.encode_frontal(pixels);
  return two_phrases().matmul(unit(view.global[0]));
}

// (P) the shares of a pixel by central differences along the way from the blank image.
torch::Tensor share_by_differences(const MultiviewModel& model, const torch::Tensor& plane,
                                   bool lateral, std::int64_t row, std::int64_t column) {
  constexpr double kStep = 1e-5;
  const torch::Tensor blank = torch::full_like(plane, plane.mean().item<double>());
  torch::Tensor sum = torch::zeros({2}, torch::kFloat64);
  for (std::int64_t step = 0; step < kGradientSteps; ++step) {
    const double way = (static_cast<double>(step) + 0.5) / static_cast<double>(kGradientSteps);
    torch::Tensor more = blank + way * (plane - blank), less = more.clone();
    more[0][0][row][column] += kStep;
    less[0][0][row][column] -= kStep;
    sum += (cosines(model, more, lateral) - cosines(model, less, lateral)) / (2 * kStep);
  }
  return sum / static_cast<double>(kGradientSteps) *
         (plane - blank)[0][0][row][column].item<double>();
}

const auto kName = [](const auto& info) { return info.param.name; };

class EveryTower : public ::testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Families, EveryTower,
                         ::testing::Values(Family{"Stem", false, make_stem},
                                           Family{"Patches", false, make_patches},
                                           Family{"Mean", false, make_mean},
                                           Family{"Swin", false, make_swin},
                                           Family{"LateralStem", true, make_stem},
                                           Family{"LateralSwin", true, make_swin}),
                         kName);

// Without the kinks of a stem the few steps come close to the integral.
class SmoothTower : public ::testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Families, SmoothTower,
                         ::testing::Values(Family{"Patches", false, make_patches},
                                           Family{"Mean", false, make_mean},
                                           Family{"Swin", false, make_swin},
                                           Family{"LateralSwin", true, make_swin}),
                         kName);

TEST_P(EveryTower, SharesAreWhatFiniteDifferencesSay) {
  const auto model = double_model(config_of(GetParam()));
  const torch::Tensor plane = grey_plane(noise(1)).to(torch::kFloat64);
  const bool lateral = GetParam().lateral;
  const torch::Tensor shares = pixel_shares(*model, plane, lateral, two_phrases());
  ASSERT_EQ(shares.sizes(), (std::vector<std::int64_t>{2, kSide, kSide}));
  const std::vector<std::pair<std::int64_t, std::int64_t>> places{
      {0, 0}, {5, 17}, {16, 16}, {31, 30}};
  for (const auto& [row, column] : places) {
    const torch::Tensor expected = share_by_differences(*model, plane, lateral, row, column);
    const torch::Tensor got = shares.select(1, row).select(1, column);
    EXPECT_TRUE(torch::allclose(got, expected, 1e-4, 1e-9)) << got << expected;
  }
}

TEST_P(SmoothTower, SharesSumToWhatTheImageAdds) {
  const auto model = double_model(config_of(GetParam()));
  const torch::Tensor plane = grey_plane(noise(2)).to(torch::kFloat64);
  const bool lateral = GetParam().lateral;
  const torch::Tensor blank = torch::full_like(plane, plane.mean().item<double>());
  const torch::Tensor added = cosines(*model, plane, lateral) - cosines(*model, blank, lateral);
  const torch::Tensor sums =
      pixel_shares(*model, plane, lateral, two_phrases()).sum(at::IntArrayRef{1, 2});
  EXPECT_GT(added.abs().min().item<double>(), 1e-4);
  EXPECT_TRUE(torch::allclose(sums, added, 0.05, 1e-4)) << sums << added;
}

// Every token attends the patch at `place` alone: only its position has the first channel, which is
// all that the keys read.
std::shared_ptr<MultiviewModel> model_of_one_patch(std::int64_t place) {
  ModelConfig config = SmallEvaluation(2).description().config;
  config.frontal.vit.style = "timm";  // no norm before the blocks
  auto model = double_model(config);
  const torch::NoGradGuard no_grad;
  auto weights = model->named_parameters();
  torch::Tensor positions = weights["frontal.positional_embedding"];
  positions.zero_();
  positions[1 + place][0] = 4.0;
  weights["frontal.class_embedding"].zero_();
  weights["frontal.patch_weight"].mul_(3.0).select(0, 0).zero_();
  torch::Tensor in = weights["frontal.blocks.0.attn.in_proj_weight"];
  torch::Tensor bias = weights["frontal.blocks.0.attn.in_proj_bias"];
  in.narrow(0, 0, 2 * kWidth).zero_();
  for (std::int64_t head = 0; head < 2; ++head) {
    bias[head * kWidth / 2] = 30.0;
    in[kWidth + head * kWidth / 2][0] = 10.0;
  }
  return model;
}

TEST(GradientMap, LiesOnTheOnePatchThatTheFeatureRestsOn) {
  for (const std::int64_t place : {5, 12}) {
    const auto model = model_of_one_patch(place);
    const torch::Tensor plane = grey_plane(noise(4)).to(torch::kFloat64);
    const torch::Tensor shares = pixel_shares(*model, plane, false, two_phrases()).abs();
    const torch::Tensor of_patches = shares.view({2, kGrid, kPatch, kGrid, kPatch})
                                         .sum(at::IntArrayRef{2, 4})
                                         .view({2, kGrid * kGrid});
    const torch::Tensor part = of_patches.select(1, place) / of_patches.sum(1);
    EXPECT_GT(part.min().item<double>(), 0.999) << of_patches;
    model->to(torch::kFloat32);
    for (const FloatImage& map :
         gradient_maps(*model, noise(4), false, two_phrases().to(torch::kFloat32))) {
      ASSERT_EQ(map.rows, kSide);
      const std::int64_t best =
          std::max_element(map.pixels.begin(), map.pixels.end()) - map.pixels.begin();
      EXPECT_EQ(best / kSide / kPatch * kGrid + best % kSide / kPatch, place);
    }
  }
}

TEST(GradientMap, IsTheSameBitForBitFromManyThreadsAndWithoutAGraphAround) {
  const SmallEvaluation small(2);
  const Engine engine = Engine::open(small.model_path(), {.threads = 3});
  const torch::Tensor phrases = two_phrases().to(torch::kFloat32);
  std::vector<std::vector<FloatImage>> maps(12);
  engine.for_each(12, [&](std::int64_t i) {
    const torch::NoGradGuard no_grad;
    maps[static_cast<std::size_t>(i)] = gradient_maps(
        engine.model(), noise(static_cast<std::uint64_t>(i / 4)), i % 2 == 0, phrases);
    EXPECT_FALSE(torch::GradMode::is_enabled());
  });
  for (std::size_t i = 0; i < 12; ++i) {
    ASSERT_EQ(maps[i].size(), 2U);
    for (std::size_t phrase = 0; phrase < 2; ++phrase)
      EXPECT_EQ(maps[i][phrase].pixels, maps[i / 4 * 4 + i % 2][phrase].pixels) << i;
  }
  EXPECT_NE(maps[0][0].pixels, maps[4][0].pixels);
  EXPECT_NE(maps[0][0].pixels, maps[0][1].pixels);
  for (const torch::Tensor& parameter : engine.model().parameters())
    EXPECT_FALSE(parameter.grad().defined());
}

TEST(GradientMap, AFrozenTowerHasOneToo) {
  const SmallEvaluation small(2);
  ModelDescription description = small.description();
  description.config.lateral.frozen = true;
  save_model_package(small.root() / "frozen", description,
                     SmallEvaluation::random_weights(description.config));
  const Engine engine = Engine::open(small.root() / "frozen");
  const torch::Tensor phrases = two_phrases().to(torch::kFloat32);
  const FloatImage map = gradient_maps(engine.model(), noise(1), true, phrases).front();
  const auto [low, high] = std::minmax_element(map.pixels.begin(), map.pixels.end());
  EXPECT_LT(*low, *high);
}

}  // namespace
}  // namespace biplane
