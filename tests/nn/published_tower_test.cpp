#include "biplane/nn/published_tower.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using testing::noise;

torch::Tensor values(at::IntArrayRef shape) {
  static std::uint64_t seed = 0;
  return noise(shape, ++seed, torch::kFloat32);
}

// A tiny ViT under the names of timm, width 8, patch 4, 2 x 2 patches, 2 blocks.
TensorMap timm_vit(const std::string& prefix) {
  TensorMap source{{prefix + "patch_embed.proj.weight", values({8, 3, 4, 4})},
                   {prefix + "patch_embed.proj.bias", values({8})},
                   {prefix + "cls_token", values({1, 1, 8})},
                   {prefix + "pos_embed", values({1, 5, 8})},
                   {prefix + "norm.weight", values({8})},
                   {prefix + "norm.bias", values({8})}};
  for (const char* block : {"blocks.0.", "blocks.1."}) {
    for (const auto& [name, shape] :
         std::vector<std::pair<std::string, std::vector<int64_t>>>{{"norm1.weight", {8}},
                                                                   {"norm1.bias", {8}},
                                                                   {"attn.qkv.weight", {24, 8}},
                                                                   {"attn.qkv.bias", {24}},
                                                                   {"attn.proj.weight", {8, 8}},
                                                                   {"attn.proj.bias", {8}},
                                                                   {"norm2.weight", {8}},
                                                                   {"norm2.bias", {8}},
                                                                   {"mlp.fc1.weight", {32, 8}},
                                                                   {"mlp.fc1.bias", {32}},
                                                                   {"mlp.fc2.weight", {8, 32}},
                                                                   {"mlp.fc2.bias", {8}}})
      source.emplace(prefix + block + name, values(shape));
  }
  return source;
}

MappedTower only(const TensorMap& source) {
  const std::vector<MappedTower> towers = map_towers(source);
  EXPECT_EQ(towers.size(), 1U);
  return towers.at(0);
}

std::string refusal(const TensorMap& source, const TowerHints& hints = {}) {
  try {
    refuse_incomplete(build_tower(only(source), hints), {}, "weights.pth");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    return error.what();
  }
  return "";
}

TEST(PublishedTower, SizesComeFromTheTensorsBehindAnyPrefix) {
  for (const char* prefix : {"", "module.", "model.visual.trunk."}) {
    TensorMap source = timm_vit(prefix);
    source.emplace("head.weight", values({3, 8}));
    const MappedTower mapped = only(source);
    EXPECT_EQ(mapped.prefix, prefix);
    const PublishedTower tower = build_tower(mapped, {.heads = 2, .mean = {0.5}, .std = {0.25}});
    EXPECT_EQ(tower.kind, "vit");
    EXPECT_EQ(tower.vit.style, "timm");
    EXPECT_EQ(tower.vit.patch, 4);
    EXPECT_EQ(tower.vit.width, 8);
    EXPECT_EQ(tower.vit.layers, 2);
    EXPECT_EQ(tower.vit.heads, 2);
    EXPECT_EQ(tower.vit.mlp_ratio, 4.0);
    EXPECT_EQ(tower.image_size, 8);
    EXPECT_TRUE(tower.notes.empty());
    EXPECT_TRUE(at::equal(tower.weights.at("positional_embedding"),
                          source.at(std::string(prefix) + "pos_embed")[0]));
    for (const TensorRow& row : tower.rows) EXPECT_EQ(row.status, TensorStatus::kLoaded);
    const auto rest = unexpected_tensors(source, {mapped});
    ASSERT_EQ(rest.size(), 1U);
    EXPECT_EQ(rest[0].source, "head.weight");
    EXPECT_EQ(rest[0].shape, "3x8");
  }
}

TEST(PublishedTower, WhatTheFileDoesNotTellIsSaid) {
  const PublishedTower tower = build_tower(only(timm_vit("")), {});
  EXPECT_EQ(tower.vit.heads, 1);
  EXPECT_EQ(tower.vit.mean[0], 0.485);
  ASSERT_EQ(tower.notes.size(), 2U);
  EXPECT_THAT(tower.notes[0], HasSubstr("attention heads"));
  EXPECT_THAT(tower.notes[1], HasSubstr("ImageNet"));
}

TEST(PublishedTower, MissingAndMisshapenTensorsAreNamedUnlessAllowed) {
  TensorMap source = timm_vit("");
  source.erase("blocks.1.norm2.bias");
  source["norm.weight"] = values({9});
  const PublishedTower tower = build_tower(only(source), {});
  const auto status = [&](const std::string& name) {
    for (const TensorRow& row : tower.rows)
      if (row.name == name) return row.status;
    return TensorStatus::kUnexpected;
  };
  EXPECT_EQ(status("blocks.1.ln_2.bias"), TensorStatus::kMissing);
  EXPECT_EQ(status("ln_post.weight"), TensorStatus::kWrongShape);
  EXPECT_FALSE(tower.weights.contains("ln_post.weight"));
  EXPECT_THAT(refusal(source),
              HasSubstr("weights.pth: no tensor for blocks.1.ln_2.bias (8) and 1"));
  source.erase("norm.weight");
  source["norm.weight"] = values({9});
  EXPECT_NO_THROW(refuse_incomplete(tower, {"blocks.1.ln_2", "ln_post.weight"}, "weights.pth"));
  EXPECT_THROW(refuse_incomplete(tower, {"ln_post"}, "weights.pth"), Error);
}

TEST(PublishedTower, ShapesThatDescribeNoNetworkAreRefused) {
  TensorMap positions = timm_vit("");
  positions["pos_embed"] = values({1, 7, 8});
  EXPECT_THAT(refusal(positions), HasSubstr("no square of patches"));
  TensorMap kernel = timm_vit("");
  kernel["patch_embed.proj.weight"] = values({8, 1, 4, 4});
  EXPECT_THAT(refusal(kernel), HasSubstr("three channels"));
  TensorMap empty = timm_vit("");
  empty["patch_embed.proj.weight"] = torch::zeros({1000000, 3, 0, 0});
  EXPECT_THAT(refusal(empty), HasSubstr("describes no network"));
  EXPECT_THAT(refusal(timm_vit(""), {.heads = 3}), HasSubstr("do not divide"));
  TensorMap integers = timm_vit("");
  integers["norm.weight"] = torch::ones({8}, torch::kInt64);
  EXPECT_THAT(refusal(integers), HasSubstr("norm.weight"));
  TensorMap infinite = timm_vit("");
  infinite["norm.weight"] = torch::full({8}, INFINITY);
  EXPECT_THAT(refusal(infinite), HasSubstr("not finite"));
}

TEST(PublishedTower, ABlockOfAnotherArchitectureIsRefused) {
  TensorMap source = timm_vit("");
  source["blocks.1.attn.q_norm.weight"] = values({8});
  EXPECT_THAT(refusal(source), HasSubstr("blocks.1.attn.q_norm.weight does not belong"));
  TensorMap derived = timm_vit("");
  derived["blocks.0.attn.relative_position_index"] = torch::zeros({4, 4}, torch::kInt64);
  derived["decoder_blocks.0.norm1.weight"] = values({8});
  EXPECT_EQ(refusal(derived), "");
}

TEST(PublishedTower, TheActivationIsTheStylesOrNamed) {
  const auto activation = [](const std::string& given) {
    TowerHints hints;
    hints.activation = given;
    return build_tower(only(timm_vit("")), hints).vit.activation;
  };
  EXPECT_EQ(activation(""), "style");
  EXPECT_EQ(activation("gelu"), "style");
  EXPECT_EQ(activation("quick_gelu"), "quick_gelu");
  EXPECT_THROW(activation("relu"), Error);
}

TEST(PublishedTower, AFewTensorsCannotDescribeAHugeNetwork) {
  TensorMap source = timm_vit("");
  source["patch_embed.proj.weight"] = values({4096, 3, 1, 1});
  source["pos_embed"] = values({1, 5, 4096});
  source["blocks.0.mlp.fc1.weight"] = values({4, 4096});
  for (int i = 2; i < 400; ++i)
    source["blocks." + std::to_string(i) + ".norm1.weight"] = values({1});
  EXPECT_THAT(refusal(source), HasSubstr("but holds only"));
  TensorMap positions{
      {"embeddings.word_embeddings.weight", values({4, 64})},
      {"embeddings.position_embeddings.weight", torch::zeros({}).expand({1 << 30, 1})}};
  for (const char* part : {"query", "key", "value"})
    positions[std::string("encoder.layer.0.attention.self.") + part + ".weight"] = values({64, 64});
  positions["encoder.layer.0.intermediate.dense.weight"] = values({256, 64});
  EXPECT_THAT(refusal(positions), HasSubstr("position_embeddings.weight has shape 1073741824x1"));
}

TEST(PublishedTower, ModelsThatComputeDifferentlyAreRefusedByTheirType) {
  EXPECT_THAT(refusal(timm_vit(""), {.model_type = "deit"}), HasSubstr("deit"));
}

TEST(PublishedTower, TimmsMergingOfPatchesBelongsToTheStageBefore) {
  const auto swin = [](int first) {
    TensorMap source{{"patch_embed.proj.weight", values({8, 3, 4, 4})}};
    for (int stage = 0; stage < 2; ++stage)
      source["layers." + std::to_string(stage) + ".blocks.0.attn.qkv.weight"] =
          values({24 << stage, 8 << stage});
    source["layers." + std::to_string(first) + ".downsample.reduction.weight"] = values({16, 32});
    return map_towers(source).at(0);
  };
  EXPECT_TRUE(swin(0).tensors.contains("stages.0.downsample.reduction.weight"));
  EXPECT_TRUE(swin(1).tensors.contains("stages.0.downsample.reduction.weight"));
  EXPECT_FALSE(swin(1).tensors.contains("stages.1.downsample.reduction.weight"));
}

TEST(PublishedTower, PartsOfAProjectionThatDoNotFitAreNamed) {
  TensorMap source{{"embeddings.word_embeddings.weight", values({9, 8})},
                   {"encoder.layer.0.attention.self.query.weight", values({8, 8})},
                   {"encoder.layer.0.attention.self.key.weight", values({8, 7})},
                   {"encoder.layer.0.attention.self.value.weight", values({8, 8})}};
  try {
    map_towers(source);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("self.key.weight do not fit together: 8x8 and 8x7"));
  }
}

TEST(PublishedTower, AQueryWithoutItsKeyIsNamed) {
  TensorMap source{{"embeddings.word_embeddings.weight", values({9, 8})},
                   {"encoder.layer.0.attention.self.query.weight", values({8, 8})}};
  try {
    map_towers(source);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the k projection that belongs to "
                                        "encoder.layer.0.attention.self.query.weight"));
  }
}

}  // namespace
}  // namespace biplane
