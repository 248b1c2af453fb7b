#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "biplane/core/error.h"
#include "biplane/nn/bert.h"
#include "biplane/nn/least_parameters.h"
#include "biplane/nn/swin_transformer.h"
#include "biplane/nn/vision_transformer.h"
#include "biplane/nn/weights.h"
#include "tests/nn/tensor_checks.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;

VisionTransformerConfig tiny_vit(const std::string& style) {
  VisionTransformerConfig config;
  config.style = style;
  config.image_size = 32;
  config.patch = 8;
  config.width = 16;
  config.layers = 2;
  config.heads = 2;
  return config;
}

std::shared_ptr<VisionTransformer> make_vit(const VisionTransformerConfig& config) {
  auto tower = std::make_shared<VisionTransformer>(config);
  tower->initialise(Initializer(3));
  return tower;
}

TEST(VisionTransformer, ReadsAGreyImageOnceWithTheSameResult) {
  for (const char* style : {"clip", "timm"}) {
    const auto tower = make_vit(tiny_vit(style));
    const torch::Tensor plane = noise({3, 1, 32, 32}, 1, torch::kFloat32).sigmoid();
    const torch::Tensor expanded = plane.expand({3, 3, 32, 32});
    expect_near(tower->forward(expanded).tokens, tower->forward(expanded.contiguous()).tokens, 1e-5,
                style);
  }
}

TEST(VisionTransformer, NormalisesWithItsOwnStatistics) {
  VisionTransformerConfig config = tiny_vit("clip");
  const auto normalising = make_vit(config);
  config.mean = {0.0};
  config.std = {1.0};
  const auto plain = make_vit(config);
  const torch::Tensor pixels = noise({2, 3, 32, 32}, 1, torch::kFloat32).sigmoid();
  const VisionTransformerConfig clip;
  const torch::Tensor mean = torch::tensor(clip.mean).view({1, 3, 1, 1});
  const torch::Tensor std = torch::tensor(clip.std).view({1, 3, 1, 1});
  expect_near(normalising->forward(pixels).tokens, plain->forward((pixels - mean) / std).tokens,
              2e-5, "normalised");
}

// Pixels, patch weights and `others` of a tower against finite differences.
void expect_gradients(
    const VisionTransformerConfig& config,
    const std::function<torch::OrderedDict<std::string, torch::Tensor>(const VisionTransformer&)>&
        others) {
  const auto tower = make_vit(config);
  tower->to(torch::kFloat64);
  torch::Tensor pixels = noise({1, 3, 16, 24}, 1).sigmoid().requires_grad_();
  const torch::Tensor probe = noise({1, 7, 16}, 2);
  const auto loss = [&] { return (tower->forward(pixels).tokens * probe).sum(); };
  testing::expect_gradient(loss, pixels, "pixels", 6);
  testing::expect_gradient(loss, tower->patch_weight, "patch_weight", 6);
  for (const auto& item : others(*tower))
    testing::expect_gradient(loss, item.value(), item.key(), 6);
}

TEST(VisionTransformer, HasGradientsThatAgreeWithFiniteDifferences) {
  expect_gradients(tiny_vit("timm"), [](const VisionTransformer& tower) {
    return torch::OrderedDict<std::string, torch::Tensor>{
        {"positions", tower.positional_embedding}};
  });
}

VisionTransformerConfig tiny_vit_with_stem(const std::string& style) {
  VisionTransformerConfig config = tiny_vit(style);
  config.stem = {4, 6, 8};
  return config;
}

TEST(ConvStem, ReadsAGreyImageOnceWithTheSameResult) {
  for (const double mean : {0.5, 0.4}) {  // one value for all channels, or one for each
    VisionTransformerConfig config = tiny_vit_with_stem("clip");
    config.mean = mean == 0.5 ? std::vector{0.5} : std::vector{0.5, mean, 0.6};
    config.std = {0.25};
    const auto tower = make_vit(config);
    const torch::Tensor plane = noise({3, 1, 32, 32}, 1, torch::kFloat32).sigmoid();
    const torch::Tensor expanded = plane.expand({3, 3, 32, 32});
    const torch::Tensor tokens = tower->forward(expanded).tokens;
    EXPECT_EQ(tokens.sizes(), (std::vector<std::int64_t>{3, 1 + 16, 16}));
    expect_near(tokens, tower->forward(expanded.contiguous()).tokens, 1e-5, "grey");
  }
}

TEST(ConvStem, KernelsHaveMeanZeroAndTheVarianceOfTheirGain) {
  const auto tower = make_vit(tiny_vit_with_stem("timm"));
  for (std::size_t stage = 0; stage < 3; ++stage) {
    const torch::Tensor kernel = tower->stem->kernel(stage).flatten(1);
    expect_near(kernel.sum(1), torch::zeros({kernel.size(0)}), 1e-5, "sum");
    const double gain = std::sqrt(2.0 / (1.0 - 1.0 / M_PI));  // of a ReLU
    expect_near(kernel.square().sum(1), torch::full({kernel.size(0)}, gain * gain), 1e-4, "square");
  }
  // So brightness alone is not seen: away from the border a flat image gives nothing.
  const ConvStem stem(1, {4});
  stem.parameters()[0].data().copy_(noise({4, 1, 3, 3}, 2, torch::kFloat32));
  const torch::Tensor flat = stem.forward(torch::full({1, 1, 16, 16}, 3.0));
  expect_near(flat.slice(2, 1).slice(3, 1), torch::zeros({1, 4, 7, 7}), 1e-5, "flat image");
}

// The step of the optimizer is about lr for every weight: kernels of standard deviation 1 would
// hardly turn in a run (macro AUROC of the demo's contrast after 2,000 steps 0.75 instead of 0.86).
TEST(ConvStem, KernelsStartAtTheScaleOfPyTorchsConvolutions) {
  const auto tower = make_vit(tiny_vit_with_stem("clip"));
  for (const auto& item : tower->stem->named_parameters()) {
    if (!item.key().starts_with("weight_")) continue;
    const auto inputs = static_cast<double>(item.value()[0].numel());
    EXPECT_NEAR(item.value().std().item<double>() * std::sqrt(3.0 * inputs), 1.0, 0.2)
        << item.key();
  }
}

TEST(ConvStem, HasGradientsThatAgreeWithFiniteDifferences) {
  expect_gradients(tiny_vit_with_stem("clip"),
                   [](const VisionTransformer& tower) { return tower.stem->named_parameters(); });
}

TEST(ConvStem, RefusesAPatchSideThatItsStagesDoNotGive) {
  VisionTransformerConfig config = tiny_vit_with_stem("clip");
  config.stem = {4, 8};
  EXPECT_THROW(VisionTransformer{config}, Error);
  config.stem = {4, 0, 8};
  EXPECT_THROW(VisionTransformer{config}, Error);
}

TEST(VisionTransformer, RefusesSidesThatAreNoMultipleOfThePatch) {
  const auto tower = make_vit(tiny_vit("clip"));
  EXPECT_THROW(tower->forward(torch::zeros({1, 3, 30, 32})), c10::Error);
  EXPECT_THROW(tower->forward(torch::zeros({1, 1, 32, 32})), c10::Error);
  VisionTransformerConfig config = tiny_vit("clip");
  config.heads = 3;
  EXPECT_THROW(VisionTransformer{config}, Error);
}

template <class Config>
std::string key_of_refusal(const Config& config) {
  try {
    check_config(config, "net");
  } catch (const Error& error) {
    const std::string what = error.what();
    return what.substr(0, what.find(": "));
  }
  return "";
}

// A damaged or hostile configuration must not take the machine's memory.
TEST(Networks, RefuseSizesThatNoFileHas) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 40;
  const std::pair<const char*, std::function<void(VisionTransformerConfig&)>> of_vit[] = {
      {"net.layers", [](auto& c) { c.layers = kHuge; }},
      {"net.width", [](auto& c) { c.width = kHuge; }},
      {"net.patch", [](auto& c) { c.patch = kHuge; }},
      {"net.mlp_ratio", [](auto& c) { c.mlp_ratio = 1e300; }},
      {"net.registers", [](auto& c) { c.style = "dinov2", c.registers = kHuge; }},
      {"net.stem",
       [](auto& c) {
         c.stem = {16, kHuge, 16};
       }},
      {"net.stem", [](auto& c) { c.stem.assign(64, 4); }}};
  for (const auto& [key, change] : of_vit) {
    VisionTransformerConfig config = tiny_vit("clip");
    EXPECT_EQ(key_of_refusal(config), "");
    change(config);
    EXPECT_EQ(key_of_refusal(config), key);
  }
  const std::pair<const char*, std::function<void(SwinTransformerConfig&)>> of_swin[] = {
      {"net.width", [](auto& c) { c.width = kHuge; }},
      {"net.depths", [](auto& c) { c.depths[1] = kHuge; }},
      {"net.mlp_ratio", [](auto& c) { c.mlp_ratio = 1e300; }}};
  for (const auto& [key, change] : of_swin) {
    SwinTransformerConfig config;
    EXPECT_EQ(key_of_refusal(config), "");
    change(config);
    EXPECT_EQ(key_of_refusal(config), key);
  }
  const std::pair<const char*, std::int64_t BertConfig::*> of_bert[] = {
      {"net.vocabulary", &BertConfig::vocabulary},
      {"net.width", &BertConfig::width},
      {"net.layers", &BertConfig::layers},
      {"net.heads", &BertConfig::heads},
      {"net.max_positions", &BertConfig::max_positions},
      {"net.token_types", &BertConfig::token_types}};
  for (const auto& [key, size] : of_bert) {
    BertConfig config;
    EXPECT_EQ(key_of_refusal(config), "");
    config.*size = kHuge;
    EXPECT_EQ(key_of_refusal(config), key);
  }
}

template <class Network, class Config>
void expect_least(const Config& config) {
  const Network network(config);
  double numbers = 0;
  for (const torch::Tensor& parameter : network.parameters())
    numbers += static_cast<double>(parameter.numel());
  EXPECT_LE(least_parameters(config), numbers);
  EXPECT_GE(least_parameters(config), 0.5 * numbers);
}

TEST(Networks, LeastParametersAreALowerBound) {
  for (const char* style : {"clip", "timm", "dinov2"}) {
    VisionTransformerConfig config = tiny_vit(style);
    config.width = 64;
    expect_least<VisionTransformer>(config);
    config.stem = {16, 32, 64};
    expect_least<VisionTransformer>(config);
  }
  expect_least<SwinTransformer>(SwinTransformerConfig{});
  expect_least<Bert>(BertConfig{500, 64, 2, 2, 4.0, 12, 2, 0.2});
}

struct TinyBert {
  Bert bert{BertConfig{50, 16, 2, 2, 4.0, 12, 2, 0.2}};
  torch::Tensor ids = torch::arange(24).view({2, 12}).remainder(50);
  torch::Tensor mask = torch::arange(12).unsqueeze(0).lt(torch::tensor({12, 7}).unsqueeze(1));

  TinyBert() { bert.initialise(Initializer(1)); }
  torch::Tensor padded(const BertInput& input, const torch::Tensor& valid = {}) const {
    const TokenLayout layout = TokenLayout::padded(input.ids.size(0), input.ids.size(1), valid);
    return layout.unflatten(bert.forward(input, layout));
  }
  torch::Tensor packed(const BertInput& input, const torch::Tensor& valid) const {
    const TokenLayout layout = TokenLayout::packed(input.ids.size(0), input.ids.size(1), valid);
    return layout.unflatten(bert.forward(input, layout));
  }
};

TEST(Bert, DoesNotSeePadding) {
  const TinyBert tiny;
  const torch::Tensor longer = tiny.padded({tiny.ids}, tiny.mask);
  const torch::Tensor alone = tiny.padded({tiny.ids.narrow(0, 1, 1).narrow(1, 0, 7)});
  expect_near(longer[1].narrow(0, 0, 7), alone[0], 1e-5, "padded against unpadded");
  EXPECT_THROW(tiny.padded({torch::zeros({1, 13}, torch::kInt64)}), c10::Error);
}

TEST(Bert, GivesTheSamePackedWithItsGradients) {
  TinyBert tiny;
  tiny.bert.to(torch::kFloat64);
  const torch::Tensor types = tiny.ids.remainder(2);
  KeyedDropout dropout{0.3, 1, 0, 0, torch::tensor({8, 9}, torch::kInt64)};
  const torch::Tensor probe = noise({2, 12, 16}, 1) * tiny.mask.unsqueeze(2);
  for (const BertInput& input : {BertInput{tiny.ids}, BertInput{tiny.ids, types, &dropout}}) {
    const torch::Tensor padded = tiny.padded(input, tiny.mask);
    const torch::Tensor packed = tiny.packed(input, tiny.mask);
    expect_near(packed, padded * tiny.mask.unsqueeze(2), 1e-12, "valid tokens, zeros elsewhere");
    const auto parameters = tiny.bert.parameters();
    const auto expected =
        torch::autograd::grad({(padded * probe).sum()}, parameters, {}, {}, false, true);
    const auto actual =
        torch::autograd::grad({(packed * probe).sum()}, parameters, {}, {}, false, true);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      expect_near(actual[i], expected[i], 1e-10, "gradient " + std::to_string(i));
    }
  }
}

TEST(Bert, DropoutIsAPureFunctionOfTheStudy) {
  const TinyBert tiny;
  KeyedDropout dropout{0.3, 1, 0, 0, torch::tensor({8, 9}, torch::kInt64)};
  const torch::Tensor both = tiny.padded({tiny.ids, {}, &dropout});
  EXPECT_GT(testing::max_difference(both, tiny.padded({tiny.ids})), 0.1);
  dropout.study_index = torch::tensor({9}, torch::kInt64);
  expect_near(tiny.padded({tiny.ids.narrow(0, 1, 1), {}, &dropout})[0], both[1], 1e-5,
              "study 9 alone");
}

TEST(AssignWeights, NamesWhatDoesNotFit) {
  VisionTransformer tower(tiny_vit("clip"));
  TensorMap weights;
  for (const auto& item : tower.named_parameters())
    weights[item.key()] = torch::ones_like(item.value());
  assign_weights(tower, weights);
  EXPECT_EQ(tower.class_embedding.sum().item<double>(), 16.0);
  const auto message = [&](const TensorMap& given) -> std::string {
    try {
      assign_weights(tower, given);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
      return error.what();
    }
    return "";
  };
  TensorMap missing = weights;
  missing.erase("ln_pre.weight");
  EXPECT_NE(message(missing).find("ln_pre.weight"), std::string::npos);
  TensorMap wrong = weights;
  wrong["class_embedding"] = torch::ones({17});
  EXPECT_NE(message(wrong).find("class_embedding has shape 17"), std::string::npos);
  TensorMap extra = weights;
  extra["head.weight"] = torch::ones({2});
  EXPECT_NE(message(extra).find("head.weight"), std::string::npos);
}

TEST(TensorFile, GivesBackWhatWasWritten) {
  const testing::TemporaryFolder folder;
  const TensorMap tensors{{"a", noise({3, 2}, 1, torch::kFloat32).t()},
                          {"b", torch::tensor({true, false})},
                          {"c", torch::tensor({1, -2}, torch::kInt64)},
                          {"d", noise({2}, 2, torch::kFloat64).to(torch::kBFloat16)},
                          {"e", torch::tensor(3.5)},
                          {"f", torch::zeros({0, 4})}};
  save_safetensors(folder / "x.safetensors", tensors, {{"made", "here"}});
  const TensorMap read = load_safetensors(folder / "x.safetensors");
  ASSERT_EQ(read.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(read.at(name), tensor)) << name;
  }
  EXPECT_THROW(load_safetensors(folder / "absent.safetensors"), Error);
}

}  // namespace
}  // namespace biplane
