// Families of image towers inside the two-view model: Swin and DINOv2, trained and frozen.
#include "biplane/model/image_tower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/model/model_card.h"
#include "biplane/model/multiview_model.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;
using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kSide = 32;

// 4 x 4 tokens of width 16 at 32 px.
TowerConfig tiny_swin() {
  TowerConfig tower;
  tower.kind = "swin";
  tower.swin.width = 8;
  tower.swin.depths = {1, 2};
  tower.swin.heads = {1, 2};
  tower.swin.window = 3;
  return tower;
}

// 4 x 4 patches and 4 registers.
TowerConfig tiny_dinov2() {
  TowerConfig tower;
  tower.vit.style = "dinov2";
  tower.vit.patch = 8;
  tower.vit.width = 16;
  tower.vit.layers = 2;
  tower.vit.heads = 2;
  tower.vit.registers = 4;
  return tower;
}

ModelConfig tiny_config(const TowerConfig& frontal, const TowerConfig& lateral) {
  ModelConfig config;
  config.image_size = kSide;
  config.width = 32;
  config.max_tokens = 8;
  config.frontal = frontal;
  config.lateral = lateral;
  config.text.bert = {50, 32, 1, 2, 4.0, 8, 2, 0.1};
  config.decoder = {"figure", 1, 2};
  config.alignment = {1, 2};
  config.prototypes.count = 4;
  return config;
}

torch::Tensor images(std::uint64_t seed, std::int64_t side = kSide) {
  return noise({3, 3, side, side}, seed, torch::kFloat32).sigmoid();
}

// Three studies: both views, frontal only, lateral only; 6 words, 2 masked.
MlmOutput masked_words(const MultiviewModel& model, std::int64_t side = kSide) {
  MlmInput input;
  input.has_frontal = torch::tensor({1, 1, 0}).to(torch::kBool);
  input.has_lateral = torch::tensor({1, 0, 1}).to(torch::kBool);
  input.frontal = model.encode_frontal(images(1, side), input.has_frontal);
  input.lateral = model.encode_lateral(images(2, side), input.has_lateral);
  input.masked_ids = torch::arange(18).view({3, 6}).remainder(40) + 5;
  input.attention_mask = torch::ones({3, 6}, torch::kBool);
  input.mlm_labels = torch::full({3, 6}, -100, torch::kInt64);
  input.mlm_labels.narrow(1, 2, 2).fill_(7);
  input.score_words = input.mlm_labels.lt(0);
  return model.mlm(input);
}

TEST(ImageTower, EveryFamilyGivesTheDocumentedShapesForEitherView) {
  for (const auto& [frontal, lateral] :
       {std::pair(tiny_swin(), tiny_dinov2()), std::pair(tiny_dinov2(), tiny_swin())}) {
    const MultiviewModel model(tiny_config(frontal, lateral), 1);
    for (const ViewFeatures& view :
         {model.encode_frontal(images(1)), model.encode_lateral(images(2))}) {
      EXPECT_EQ(view.global.sizes(), (Shape{3, 32}));
      EXPECT_EQ(view.patches.sizes(), (Shape{3, 16, 32}));
      EXPECT_EQ(view.pooled.sizes(), (Shape{3, 16}));
      EXPECT_EQ(view.grid_rows, 4);
      EXPECT_EQ(view.grid_columns, 4);
    }
    const MlmOutput output = masked_words(model);
    EXPECT_EQ(output.logits.sizes(), (Shape{6, 50}));
    EXPECT_TRUE(output.logits.isfinite().all().item<bool>());
  }
}

TEST(ImageTower, AFrontalGlobalIsTheProjectionOfWhatTheTowerPools) {
  for (const TowerConfig& frontal : {tiny_swin(), tiny_dinov2()}) {
    const MultiviewModel model(tiny_config(frontal, tiny_swin()), 1);
    ImageTower tower(frontal, kSide);
    tower.initialise(Initializer(1, "frontal."));
    const torch::Tensor projection = model.named_parameters()["frontal_projection.weight"];
    const VisionTokens tokens = tower.forward(images(1));
    const ViewFeatures view = model.encode_frontal(images(1));
    expect_near(view.pooled, tokens.pooled, 0.0, "pooled");
    expect_near(view.global, at::linear(tokens.pooled, projection), 1e-6, "global");
    expect_near(view.patches, at::linear(tokens.patches(), projection), 1e-6, "patches");
    if (frontal.kind == "swin")
      expect_near(tokens.pooled, tokens.tokens.mean(1), 1e-6, "mean token");
  }
}

TEST(ImageTower, MapsOfAStemComeBeforeThoseOfTheBlocks) {
  TowerConfig config = tiny_dinov2();
  config.vit.stem = {4, 6, 10};  // of patches of 8 pixels
  config.vit.mean = {0.5};
  config.vit.std = {0.25};
  ImageTower tower(config, kSide);
  tower.initialise(Initializer(1, "frontal."));
  const std::vector<torch::Tensor> maps = tower.maps(images(1), {-2, -1, 0, 1, 2});
  for (std::int64_t layer = -2; layer <= 2; ++layer) {
    const MapShape shape = map_shape(config, layer);
    const torch::Tensor& map = maps[static_cast<std::size_t>(layer + 2)];
    EXPECT_EQ(map.size(1), shape.width) << layer;
    EXPECT_EQ(map.size(2), kSide / shape.stride) << layer;
  }
  EXPECT_EQ(map_shape(config, -2).width, 4);
  EXPECT_EQ(map_shape(config, -2).stride, 2);
  const auto vit = std::dynamic_pointer_cast<VisionTransformer>(tower.module());
  ASSERT_NE(vit, nullptr);
  std::vector<torch::Tensor> stages;
  expect_near(maps[2], vit->stem->forward((images(1) - 0.5) / 0.25, &stages), 1e-5, "the last");
  for (std::size_t i = 0; i < 3; ++i) expect_near(maps[i], stages[i], 1e-5, "stage");
  EXPECT_THROW(map_shape(config, -3), Error);
  EXPECT_THROW(map_shape(tiny_dinov2(), 0), Error) << "no stem";
}

TEST(ImageTower, AFrozenTowerIsNoPartOfTheGraph) {
  for (TowerConfig tower : {tiny_swin(), tiny_dinov2()}) {
    tower.frozen = tower.allow_random_frozen = true;
    MultiviewModel model(tiny_config(tower, tower), 1);
    const torch::Tensor pixels = images(1).requires_grad_();
    const ViewFeatures frontal = model.encode_frontal(pixels),
                       lateral = model.encode_lateral(pixels);
    EXPECT_FALSE(frontal.pooled.requires_grad()) << "a graph is kept for a frozen tower";
    (frontal.global.sum() + lateral.global.sum()).backward();
    for (const auto& item : model.named_parameters()) {
      const bool frozen = tower_of(item.key()) == "frontal" || tower_of(item.key()) == "lateral";
      EXPECT_EQ(item.value().requires_grad(), !frozen) << item.key();
      if (frozen) {
        EXPECT_FALSE(item.value().grad().defined()) << item.key();
      }
    }
    EXPECT_TRUE(model.named_parameters()["frontal_projection.weight"].grad().defined());
    EXPECT_TRUE(model.named_parameters()["lateral_adapter.proj.weight"].grad().defined());
    model.train();
    const torch::Tensor training = model.encode_lateral(images(3)).patches;
    model.eval();
    EXPECT_TRUE(torch::equal(model.encode_lateral(images(3)).patches, training));
  }
}

TEST(ImageTower, ATrainedTowerGetsAGradientForEveryWeight) {
  const MultiviewModel model(tiny_config(tiny_swin(), tiny_dinov2()), 1);
  (model.encode_frontal(images(1)).global.sum() + model.encode_lateral(images(2)).global.sum())
      .backward();
  for (const auto& item : model.named_parameters()) {
    if (tower_of(item.key()).empty() || tower_of(item.key()) == "text") continue;
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
  }
}

TEST(ImageTower, TablesAndFactorsDoNotDecay) {
  const MultiviewModel model(tiny_config(tiny_swin(), tiny_dinov2()), 1);
  std::vector<std::string> exempt;
  for (const auto& item : model.named_parameters()) {
    const bool decays = takes_weight_decay(item.key(), item.value());
    const bool image = item.key().starts_with("frontal.") || item.key().starts_with("lateral.");
    if (image && item.value().dim() >= 2 && !decays) exempt.push_back(item.key());
    if (item.value().dim() < 2) {
      EXPECT_FALSE(decays) << item.key();
    }
  }
  EXPECT_THAT(exempt,
              ::testing::UnorderedElementsAre("frontal.stages.0.blocks.0.relative_position_bias",
                                              "frontal.stages.1.blocks.0.relative_position_bias",
                                              "frontal.stages.1.blocks.1.relative_position_bias",
                                              "lateral.positional_embedding", "lateral.registers"));
}

// Docs/method.md, section 3, with the towers of the paper: 196 patches of a ViT, 49 tokens of
// Swin-T.
TEST(ImageTower, AVisionTransformerAndASwinKeepMoreTokensThanTheyGiveKeys) {
  TowerConfig vit, swin = tiny_swin();
  vit.vit.width = 8;
  vit.vit.layers = 1;
  vit.vit.heads = 1;
  swin.swin.width = 4;
  swin.swin.depths = swin.swin.heads = {1, 1, 1, 1};
  swin.swin.window = 7;
  ModelConfig config = tiny_config(vit, swin);
  config.image_size = 224;
  const MultiviewModel model(config, 1);
  EXPECT_EQ(ImageTower(vit, 224).patches(), 196);
  EXPECT_EQ(ImageTower(swin, 224).patches(), 49);
  const KeySet keys = masked_words(model, 224).keys;
  EXPECT_EQ(keys.keys.size(1), 137 + 1);
  const std::vector<std::int64_t> kept{196, 157, 40};  // ceil(0.8 n) of 245, 196 and 49
  for (std::int64_t study = 0; study < 3; ++study) {
    EXPECT_EQ(keys.kept[study].sum().item<std::int64_t>(), kept[study]);
    EXPECT_LT(keys.key_mask[study].sum().item<std::int64_t>(), kept[study]);
  }
}

TEST(ImageTower, TheConfigurationNamesTheKeyOfABadSwin) {
  const auto message = [](const std::string& assignment) -> std::string {
    ModelConfig config = tiny_config(tiny_swin(), tiny_swin());
    ConfigTree tree = ConfigTree::parse("{}", "test");
    tree.set(assignment);
    load_config(tree, config);
    try {
      check_config(config);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("lateral.swin.window=64"), "");  // larger than the grid
  EXPECT_EQ(message("lateral.vit.patch=5"), "");     // not this tower's section
  EXPECT_THAT(message("lateral.swin.heads=[3,3]"),
              ::testing::HasSubstr("model.lateral.swin.heads"));
  EXPECT_EQ(message("image_size=36"),
            "model.frontal.swin.patch: the image size 36 is no multiple of 8, the pixels along the "
            "side of a token of the last stage");
}

TEST(ImageTower, GlobalAttentionIsThatOfTheTokenThatBecomesTheGlobalFeature) {
  const torch::NoGradGuard no_grad;
  MultiviewModel model(tiny_config(tiny_dinov2(), tiny_swin()), 1);
  const torch::Tensor has = torch::tensor({1, 0, 1}).to(torch::kBool);
  EXPECT_FALSE(model.encode_frontal(images(1)).global_attention.defined());
  const ViewFeatures frontal = model.encode_frontal(images(1), has, true);
  const ViewFeatures lateral = model.encode_lateral(images(2), {}, true);
  EXPECT_EQ(frontal.global_attention.sizes(), Shape({3, 16}));
  EXPECT_EQ(frontal.global_attention[1].abs().sum().item<float>(), 0.0F);
  expect_near(lateral.global_attention.sum(1), torch::ones({3}), 1e-5, "pooling weights");
  expect_near(torch::bmm(lateral.global_attention.unsqueeze(1), lateral.patches).squeeze(1),
              lateral.global, 1e-5, "the lateral's global feature");
  TowerConfig mean = tiny_dinov2();
  mean.vit.pooling = "mean";
  const MultiviewModel pooled(tiny_config(mean, tiny_swin()), 1);
  EXPECT_FALSE(pooled.encode_frontal(images(1), {}, true).global_attention.defined());
}

// softmax(q k) of the class token, head by head, in a tower whose one block sees the embedding.
TEST(ImageTower, ClassAttentionIsTheLastLayersMeanOverHeads) {
  const torch::NoGradGuard no_grad;
  VisionTransformerConfig config;
  config.style = "timm";
  config.patch = 8;
  config.width = 16;
  config.layers = 1;
  config.heads = 2;
  config.mean = config.std = {0.5};
  config.image_size = kSide;
  VisionTransformer tower(config);
  tower.initialise(Initializer(3));
  const TransformerBlock& block = *tower.blocks[0];
  block.attn->in_proj_weight.mul_(20);
  const torch::Tensor pixels = images(4);
  torch::Tensor attention;
  const VisionTokens tokens = tower.forward(pixels, &attention);
  expect_near(tokens.tokens, tower.forward(pixels).tokens, 0, "tokens");
  const torch::Tensor patches =
      torch::conv2d((pixels - 0.5) / 0.5, tower.patch_weight, tower.patch_bias, 8)
          .flatten(2)
          .transpose(1, 2);
  const torch::Tensor x =
      block.ln_1->forward(torch::cat({tower.class_embedding.expand({3, 1, 16}), patches}, 1) +
                          tower.positional_embedding);
  const torch::Tensor rows = at::linear(x, block.attn->in_proj_weight, block.attn->in_proj_bias);
  torch::Tensor expected = torch::zeros({3, 17});
  for (std::int64_t head = 0; head < 2; ++head) {
    const torch::Tensor q = rows.select(1, 0).narrow(1, 8 * head, 8),
                        k = rows.narrow(2, 16 + 8 * head, 8);
    expected += (k * q.unsqueeze(1)).sum(2).div(std::sqrt(8.0)).softmax(1) / 2;
  }
  expect_near(attention, expected.slice(1, 1), 1e-5, "attention");
}

TEST(ImageTower, TheModelCardNamesTheFamily) {
  ModelConfig config = tiny_config(tiny_dinov2(), tiny_swin());
  config.lateral.frozen = true;
  const PreprocessOptions preprocess;
  const Vocabulary vocabulary =
      Vocabulary::from_tokens({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"});
  const ModelDescription description{config, preprocess, {}, {}, vocabulary, {}, {}};
  EXPECT_THAT(
      model_card(description),
      ::testing::HasSubstr("| lateral tower | swin, patch 4, width 8, stages of 1, 2 layers, "
                           "window 3, frozen |"));
}

}  // namespace
}  // namespace biplane
