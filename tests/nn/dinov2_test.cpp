#include <gtest/gtest.h>

#include <cmath>

#include "biplane/core/error.h"
#include "biplane/nn/vision_transformer.h"
#include "biplane/nn/weights.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;
using testing::only_tower;

VisionTransformerConfig tiny_dinov2(std::int64_t registers) {
  VisionTransformerConfig config;
  config.style = "dinov2";
  config.image_size = 28;
  config.patch = 7;
  config.width = 12;
  config.layers = 2;
  config.heads = 3;
  config.registers = registers;
  return config;
}

std::shared_ptr<VisionTransformer> random_tower(const VisionTransformerConfig& config) {
  auto tower = std::make_shared<VisionTransformer>(config);
  tower->to(torch::kFloat64);
  testing::randomise(*tower, 5, 0.4);
  return tower;
}

using Weights = torch::OrderedDict<std::string, torch::Tensor>;

torch::Tensor norm(const Weights& w, const std::string& name, const torch::Tensor& x) {
  const torch::Tensor centred = x - x.mean(-1, true);
  return centred / (centred.square().mean(-1, true) + 1e-6).sqrt() * w[name + ".weight"] +
         w[name + ".bias"];
}

// x (T, W) of one image.
torch::Tensor slow_block(const Weights& w, const std::string& name, torch::Tensor x) {
  const torch::Tensor normed = norm(w, name + ".ln_1", x);
  const auto qkv =
      (normed.matmul(w[name + ".attn.in_proj_weight"].t()) + w[name + ".attn.in_proj_bias"])
          .split(12, 1);
  std::vector<torch::Tensor> heads;
  for (std::int64_t head = 0; head < 3; ++head) {
    const auto part = [&](int i) { return qkv[i].narrow(1, 4 * head, 4); };
    heads.push_back((part(0).matmul(part(1).t()) / 2.0).softmax(1).matmul(part(2)));
  }
  const torch::Tensor read = at::cat(heads, 1).matmul(w[name + ".attn.out_proj.weight"].t()) +
                             w[name + ".attn.out_proj.bias"];
  x = x + w[name + ".scale_1"] * read;
  const torch::Tensor hidden = norm(w, name + ".ln_2", x).matmul(w[name + ".mlp.c_fc.weight"].t()) +
                               w[name + ".mlp.c_fc.bias"];
  const torch::Tensor active = hidden * 0.5 * (1.0 + (hidden / std::sqrt(2.0)).erf());
  return x + w[name + ".scale_2"] *
                 (active.matmul(w[name + ".mlp.c_proj.weight"].t()) + w[name + ".mlp.c_proj.bias"]);
}

// Tokens (T, W) of one image of the learned size, step by step.
torch::Tensor slow_tokens(const VisionTransformer& tower, const torch::Tensor& image) {
  const Weights w = tower.named_parameters();
  const auto& config = tower.config();
  const auto channels = [](const std::vector<double>& values) {
    return torch::tensor(values, torch::kFloat64)
        .to(torch::kFloat32)
        .to(torch::kFloat64)
        .view({3, 1, 1});
  };
  const torch::Tensor normal = (image - channels(config.mean)) / channels(config.std);
  const torch::Tensor patches =
      at::conv2d(normal.unsqueeze(0), w["patch_weight"], w["patch_bias"], config.patch)
          .flatten(2)[0]
          .t();
  torch::Tensor x =
      at::cat({w["class_embedding"].unsqueeze(0), patches}, 0) + w["positional_embedding"];
  if (config.registers > 0)
    x = at::cat({x.narrow(0, 0, 1), w["registers"], x.narrow(0, 1, patches.size(0))}, 0);
  x = slow_block(w, "blocks.0", x);
  return slow_block(w, "blocks.1", x);
}

TEST(DinoV2, AgreesWithASlowReferenceWithAndWithoutRegisters) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor pixels = noise({2, 3, 28, 28}, 1).sigmoid();
  for (const std::int64_t registers : {0, 4}) {
    VisionTransformerConfig config = tiny_dinov2(registers);
    const auto tower = random_tower(config);
    config.pooling = "mean";
    const auto pooling = random_tower(config);
    const VisionTokens out = tower->forward(pixels), mean = pooling->forward(pixels);
    for (std::int64_t i = 0; i < 2; ++i) {
      const torch::Tensor x = slow_tokens(*tower, pixels[i]);
      const Weights w = tower->named_parameters();
      const torch::Tensor normed = norm(w, "ln_post", x), patches = x.slice(0, 1 + registers);
      EXPECT_EQ(patches.size(0), 16);
      expect_near(out.tokens[i], normed, 1e-10, "tokens");
      expect_near(out.patches()[i], normed.slice(0, 1 + registers), 1e-10, "patches");
      expect_near(out.pooled[i], normed[0], 1e-10, "class token");
      expect_near(mean.patches()[i], patches, 1e-10, "patches before the norm");
      expect_near(mean.pooled[i], norm(w, "ln_post", patches.mean(0)), 1e-10, "mean patch");
    }
  }
}

TEST(DinoV2, LayerScaleAndRegistersGetGradientsThatAgreeWithFiniteDifferences) {
  const auto tower = random_tower(tiny_dinov2(2));
  torch::Tensor pixels = noise({1, 3, 14, 21}, 1).sigmoid().requires_grad_();
  const torch::Tensor probe = noise({1, 1 + 2 + 6, 12}, 2);
  const auto loss = [&] { return (tower->forward(pixels).tokens * probe).sum(); };
  testing::expect_gradient(loss, pixels, "pixels", 6);
  for (auto& item : tower->named_parameters())
    testing::expect_gradient(loss, item.value(), item.key(), 4);
}

TEST(DinoV2, StartsWithTheDocumentedLayerScaleAndSmallRegisters) {
  VisionTransformer tower(tiny_dinov2(4));
  tower.initialise(Initializer(3));
  expect_near(tower.blocks[0]->scale_1, torch::full({12}, 1e-5), 0.0, "scale_1");
  expect_near(tower.blocks[1]->scale_2, torch::full({12}, 1e-5), 0.0, "scale_2");
  EXPECT_GT(tower.registers.abs().max().item<double>(), 1e-7);
  EXPECT_LT(tower.registers.abs().max().item<double>(), 1e-5);
}

TEST(DinoV2, RegistersBelongToItsStyle) {
  VisionTransformerConfig config = tiny_dinov2(4);
  config.style = "timm";
  EXPECT_THROW(VisionTransformer{config}, Error);
  config.style = "dinov2";
  config.registers = -1;
  EXPECT_THROW(VisionTransformer{config}, Error);
}

// Own weights under the names of the original code.
TensorMap under_original_names(const VisionTransformer& tower) {
  TensorMap source{{"mask_token", torch::zeros({1, 12})}};
  const std::vector<std::pair<std::string, std::string>> names{
      {"class_embedding", "cls_token"},
      {"registers", "register_tokens"},
      {"positional_embedding", "pos_embed"},
      {"patch_", "patch_embed.proj."},
      {"ln_post.", "norm."},
      {"ln_1.", "norm1."},
      {"ln_2.", "norm2."},
      {"attn.in_proj_", "attn.qkv."},
      {"attn.out_proj.", "attn.proj."},
      {"scale_1", "ls1.gamma"},
      {"scale_2", "ls2.gamma"},
      {"mlp.c_fc.", "mlp.fc1."},
      {"mlp.c_proj.", "mlp.fc2."}};
  for (const auto& item : tower.named_parameters()) {
    std::string name = item.key();
    for (const auto& [ours, theirs] : names) {
      const std::size_t at = name.starts_with("blocks.") ? std::string("blocks.0.").size() : 0;
      if (name.compare(at, ours.size(), ours) == 0)
        name = name.substr(0, at) + theirs + name.substr(at + ours.size());
    }
    source[name] = item.value();
  }
  source["cls_token"] = source["cls_token"].view({1, 1, -1});
  source["register_tokens"] = source["register_tokens"].unsqueeze(0);
  source["pos_embed"] = source["pos_embed"].unsqueeze(0);
  return source;
}

TEST(DinoV2Weights, OriginalAndTimmNamesGiveTheSameTower) {
  const torch::NoGradGuard no_grad;
  const auto tower = random_tower(tiny_dinov2(4));
  const torch::Tensor pixels = noise({2, 3, 28, 28}, 1).sigmoid();
  const torch::Tensor expected = tower->forward(pixels).tokens;
  TensorMap source = under_original_names(*tower);
  EXPECT_TRUE(source.contains("blocks.1.ls2.gamma"));
  const auto read = [&] {
    VisionTransformer other(tiny_dinov2(4));
    other.to(torch::kFloat64);
    assign_weights(other, only_tower(source, "vit"));
    return other.forward(pixels).tokens;
  };
  expect_near(read(), expected, 0.0, "original names");
  // timm adds the class token's position to it, and stores the patches' only.
  const torch::Tensor positions = source["pos_embed"];
  source["cls_token"] = source["cls_token"] + positions.narrow(1, 0, 1);
  source["pos_embed"] = positions.slice(1, 1);
  source["reg_token"] = source["register_tokens"];
  source.erase("register_tokens");
  expect_near(read(), expected, 1e-12, "timm names");
}

}  // namespace
}  // namespace biplane
