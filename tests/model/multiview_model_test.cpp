#include "biplane/model/multiview_model.h"

#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;

ModelConfig tiny_config() {
  ModelConfig config;
  config.image_size = 32;
  config.width = 32;
  config.max_tokens = 32;
  for (TowerConfig* tower : {&config.frontal, &config.lateral}) {
    tower->vit.patch = 8;
    tower->vit.width = 32;
    tower->vit.layers = 2;
    tower->vit.heads = 2;
  }
  config.text.bert = {200, 32, 2, 2, 4.0, 32, 2, 0.1};
  config.decoder = {"figure", 2, 2};
  config.alignment = {1, 2};
  config.prototypes.count = 16;
  return config;
}

// A batch of three studies: both views, frontal only, lateral only.
struct Batch {
  torch::Tensor frontal = noise({3, 3, 32, 32}, 1, torch::kFloat32).sigmoid();
  torch::Tensor lateral = noise({3, 3, 32, 32}, 2, torch::kFloat32).sigmoid();
  torch::Tensor has_frontal = torch::tensor({1, 1, 0}).to(torch::kBool);
  torch::Tensor has_lateral = torch::tensor({1, 0, 1}).to(torch::kBool);
  torch::Tensor ids = torch::arange(30).view({3, 10}).mul(7).remainder(190) + 5;
  torch::Tensor mask = torch::arange(10).unsqueeze(0).lt(torch::tensor({10, 8, 5}).unsqueeze(1));
  torch::Tensor masked = ids.clone();
  torch::Tensor labels = torch::full({3, 10}, -100, torch::kInt64);
  torch::Tensor visible = mask.clone();

  Batch() {
    for (const auto& [row, column] :
         {std::pair(0, 2), std::pair(0, 3), std::pair(1, 4), std::pair(2, 1)}) {
      labels[row][column] = ids[row][column];
      masked[row][column] = 4;
      visible[row][column] = false;
    }
  }
};

struct Outputs {
  ViewFeatures frontal, lateral;
  MlmOutput mlm;
  torch::Tensor fused;
};

Outputs run(const MultiviewModel& model, const Batch& batch) {
  Outputs out;
  out.frontal = model.encode_frontal(batch.frontal, batch.has_frontal);
  out.lateral = model.encode_lateral(batch.lateral, batch.has_lateral);
  MlmInput input{out.frontal,  out.lateral, batch.has_frontal, batch.has_lateral,
                 batch.masked, batch.mask,  batch.labels};
  input.score_words = batch.visible;
  out.mlm = model.mlm(input);
  out.fused = model.fuse(out.frontal, out.lateral, batch.has_frontal, batch.has_lateral);
  return out;
}

TEST(MultiviewModel, HasTheDocumentedShapes) {
  const MultiviewModel model(tiny_config(), 1);
  const Batch batch;
  const Outputs out = run(model, batch);
  EXPECT_EQ(out.frontal.global.sizes(), (std::vector<std::int64_t>{3, 32}));
  EXPECT_EQ(out.frontal.patches.sizes(), (std::vector<std::int64_t>{3, 16, 32}));
  EXPECT_EQ(out.lateral.patches.sizes(), (std::vector<std::int64_t>{3, 16, 32}));
  EXPECT_EQ(out.lateral.grid_rows * out.lateral.grid_columns, 16);
  EXPECT_EQ(out.mlm.logits.sizes(), (std::vector<std::int64_t>{4, 200}));
  EXPECT_TRUE(torch::equal(out.mlm.places, torch::tensor({2, 3, 14, 21}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(out.mlm.labels, batch.ids.view(-1).index_select(0, out.mlm.places)));
  torch::Tensor attention;
  const TextFeatures text = model.encode_text(batch.ids, batch.mask);
  EXPECT_EQ(model.align({text.tokens, batch.mask, out.frontal.patches}, &attention).sizes(),
            text.tokens.sizes());
  EXPECT_EQ(attention.sizes(), (std::vector<std::int64_t>{3, 10, 16}));
  expect_near(model.prototypes.norm(2, 1), torch::ones({16}), 1e-5, "prototypes");
}

TEST(MultiviewModel, PixelsOfAMissingViewChangeNothing) {
  const MultiviewModel model(tiny_config(), 1);
  Batch batch;
  const Outputs before = run(model, batch);
  batch.lateral = batch.lateral.clone();
  batch.lateral[1].fill_(NAN);
  batch.frontal = batch.frontal.clone();
  batch.frontal[2].fill_(NAN);
  const Outputs after = run(model, batch);
  expect_near(after.mlm.logits, before.mlm.logits, 0.0, "logits");
  expect_near(after.fused, before.fused, 0.0, "fused");
  expect_near(after.frontal.global, before.frontal.global, 0.0, "frontal");
  expect_near(after.lateral.global, before.lateral.global, 0.0, "lateral");
  EXPECT_EQ(after.lateral.patches[1].abs().sum().item<double>(), 0.0);
}

TEST(MultiviewModel, TheFusedFeatureTellsAMissingViewFromAPresentOne) {
  const MultiviewModel model(tiny_config(), 1);
  Batch batch;
  const torch::Tensor before = run(model, batch).fused;
  batch.has_lateral = torch::tensor({0, 0, 1}).to(torch::kBool);
  const Outputs after = run(model, batch);
  EXPECT_GT(testing::max_difference(after.fused[0], before[0]), 1e-2);
  expect_near(after.fused.narrow(0, 1, 2), before.narrow(0, 1, 2), 1e-6, "the others");
}

TEST(MultiviewModel, WorksWithoutAnyLateralOrWithoutAnyView) {
  const MultiviewModel model(tiny_config(), 1);
  Batch batch;
  batch.has_frontal.fill_(true);
  batch.has_lateral.fill_(false);
  const Outputs frontal_only = run(model, batch);
  EXPECT_EQ(frontal_only.lateral.patches.sizes(), frontal_only.frontal.patches.sizes());
  EXPECT_FALSE(frontal_only.mlm.logits.isnan().any().item<bool>());
  frontal_only.mlm.logits.square().mean().backward();
  for (const auto& item : model.named_parameters()) {
    if (!item.value().grad().defined()) continue;
    EXPECT_FALSE(item.value().grad().isnan().any().item<bool>()) << item.key();
    EXPECT_FALSE(item.key().starts_with("lateral."))
        << item.key() << " got a gradient from no image";
  }
  batch.has_frontal.fill_(false);
  const Outputs none = run(model, batch);
  EXPECT_FALSE(none.mlm.logits.isnan().any().item<bool>());
  EXPECT_FALSE(none.fused.isnan().any().item<bool>());
}

TEST(MultiviewModel, ReorderingTheStudiesPermutesTheOutputs) {
  const MultiviewModel model(tiny_config(), 1);
  Batch batch;
  const Outputs before = run(model, batch);
  const torch::Tensor order = torch::tensor({2, 0, 1}, torch::kInt64);
  for (torch::Tensor* part :
       {&batch.frontal, &batch.lateral, &batch.has_frontal, &batch.has_lateral, &batch.ids,
        &batch.mask, &batch.masked, &batch.labels, &batch.visible}) {
    *part = part->index_select(0, order);
  }
  const Outputs after = run(model, batch);
  expect_near(after.fused, before.fused.index_select(0, order), 1e-5, "fused");
  expect_near(after.mlm.logits,
              before.mlm.logits.index_select(0, torch::tensor({3, 0, 1, 2}, torch::kInt64)), 1e-5,
              "logits");
}

TEST(MultiviewModel, LateralFeaturesDependOnTheImageAndTrainLikeFrontalOnes) {
  const MultiviewModel model(tiny_config(), 1);
  const torch::Tensor pixels = noise({8, 3, 32, 32}, 5, torch::kFloat32).sigmoid();
  const torch::Tensor frontal = model.encode_frontal(pixels).global,
                      lateral = model.encode_lateral(pixels).global;
  const torch::Tensor probe = noise({8, 32}, 6, torch::kFloat32);
  const auto unit = [](const torch::Tensor& x) { return x / x.norm(2, 1, true); };
  EXPECT_GT(testing::max_difference(lateral[0], lateral[1]), 1e-2);
  ((unit(frontal) + unit(lateral)) * probe).sum().backward();
  const auto gradient_norm = [&](const std::string& prefix) {
    double sum = 0.0;
    for (const auto& item : model.named_parameters()) {
      if (item.key().starts_with(prefix))
        sum +=
            item.value().grad().defined() ? item.value().grad().square().sum().item<double>() : 0.0;
    }
    return std::sqrt(sum);
  };
  const double ratio = gradient_norm("lateral.") / gradient_norm("frontal.");
  EXPECT_GT(ratio, 0.1);
  EXPECT_LT(ratio, 10.0);
  EXPECT_GT(gradient_norm("lateral_adapter."), 0.0);
}

TEST(MultiviewModel, HiddenWordsDoNotChooseTheKeys) {
  const MultiviewModel model(tiny_config(), 1);
  Batch batch;
  const Outputs before = run(model, batch);
  batch.ids = batch.ids.clone();
  batch.labels =
      torch::where(batch.labels.ge(0), (batch.labels + 11).remainder(190) + 5, batch.labels);
  const Outputs after = run(model, batch);
  expect_near(after.mlm.keys.keys, before.mlm.keys.keys, 0.0, "keys");
  expect_near(after.mlm.logits, before.mlm.logits, 0.0, "logits");
}

TEST(MultiviewModel, KeysAreChosenByAttentionWhereTheConfigurationSaysSo) {
  ModelConfig config = tiny_config();
  config.key_semantics.selection.text = "none";
  config.key_semantics.selection.self = "attention";
  const Outputs out = run(MultiviewModel(config, 1), Batch());
  ASSERT_TRUE(out.frontal.global_attention.defined());
  EXPECT_FALSE(run(MultiviewModel(tiny_config(), 1), Batch()).frontal.global_attention.defined());
  // Study 1 has the frontal alone: 80 % of its patches, those that its class token reads most.
  const std::int64_t patches = out.frontal.patches.size(1);
  const torch::Tensor kept = out.mlm.keys.kept[1].narrow(0, 0, patches);
  const torch::Tensor least = out.frontal.global_attention[1].masked_select(kept).min();
  const torch::Tensor most =
      out.frontal.global_attention[1].masked_select(kept.logical_not()).max();
  EXPECT_EQ(kept.sum().item<std::int64_t>(), 13);  // of 16
  EXPECT_GE(least.item<float>(), most.item<float>());
}

TEST(MultiviewModel, Property2PaddingTheReportsFurtherChangesNothing) {
  const MultiviewModel model(tiny_config(), 1);
  Batch batch;
  const Outputs before = run(model, batch);
  const TextFeatures text = model.encode_text(batch.ids, batch.mask);
  const torch::Tensor read = model.align({text.tokens, batch.mask, before.frontal.patches});
  const auto pad = [](const torch::Tensor& x, const torch::Scalar& value) {
    return torch::cat({x, torch::full({3, 8}, value, x.options())}, 1);
  };
  batch.ids = pad(batch.ids, 0);
  batch.masked = pad(batch.masked, 0);
  batch.labels = pad(batch.labels, -100);
  batch.mask = pad(batch.mask, false);
  batch.visible = pad(batch.visible, false);
  const Outputs after = run(model, batch);
  const TextFeatures padded = model.encode_text(batch.ids, batch.mask);
  expect_near(after.mlm.logits, before.mlm.logits, 1e-5, "logits");
  expect_near(padded.global, text.global, 1e-5, "text");
  expect_near(model.align({padded.tokens, batch.mask, after.frontal.patches}).narrow(1, 0, 10),
              read, 1e-5, "aligned words");
}

TEST(MultiviewModel, MeanPooledReportsDoNotSeePadding) {
  ModelConfig config = tiny_config();
  config.text.pooling = "mean";
  const MultiviewModel model(config, 1);
  const Batch batch;
  const TextFeatures text = model.encode_text(batch.ids, batch.mask);
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::int64_t length = batch.mask[i].sum().item<std::int64_t>();
    const torch::Tensor ids = batch.ids.narrow(0, i, 1).narrow(1, 0, length);
    const TextFeatures alone = model.encode_text(ids, torch::ones({1, length}, torch::kBool));
    expect_near(text.global.narrow(0, i, 1), alone.tokens.mean(1), 1e-5, "mean of the report");
  }
  EXPECT_GT((text.global - text.tokens.select(1, 0)).abs().max().item<double>(), 1e-3);
}

TEST(MultiviewModel, RunsUnderBfloat16Autocast) {
  const MultiviewModel model(tiny_config(), 1);
  const Batch batch;
  const Outputs exact = run(model, batch);
  struct Autocast {
    Autocast() {
      at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
      at::autocast::set_autocast_enabled(at::kCPU, true);
    }
    ~Autocast() {
      at::autocast::set_autocast_enabled(at::kCPU, false);
      at::autocast::clear_cache();
    }
  };
  Outputs rounded;
  torch::Tensor read;
  {
    const Autocast autocast;
    rounded = run(model, batch);
    const TextFeatures text = model.encode_text(batch.ids, batch.mask);
    read = model.align({text.tokens, batch.mask, rounded.lateral.patches});
  }
  const double scale = exact.fused.abs().max().item<double>();
  expect_near(rounded.fused, exact.fused, 0.05 * scale, "fused");
  EXPECT_FALSE(rounded.mlm.logits.isnan().any().item<bool>());
  (rounded.mlm.logits.to(torch::kFloat32).sum() + rounded.fused.to(torch::kFloat32).sum() +
   read.to(torch::kFloat32).sum())
      .backward();
  for (const auto& item : model.named_parameters()) {
    if (!item.value().grad().defined()) continue;
    EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
  }
}

TEST(MultiviewModel, SlotsDifferAndFocusAtTheStart) {
  ModelConfig config = tiny_config();
  config.image_size = 96;
  config.width = 96;
  for (TowerConfig* tower : {&config.frontal, &config.lateral}) {
    tower->vit.patch = 16;
    tower->vit.width = 96;
    tower->vit.layers = 3;
  }
  const MultiviewModel model(config, 1);
  Batch batch;
  batch.frontal = noise({3, 3, 96, 96}, 1, torch::kFloat32).sigmoid();
  batch.lateral = noise({3, 3, 96, 96}, 2, torch::kFloat32).sigmoid();
  const SlotDiagnostics diagnostics = slot_diagnostics(slot_sums(run(model, batch).mlm.keys));
  EXPECT_LT(diagnostics.slot_cosine, 0.9);
  EXPECT_LT(diagnostics.slot_support, 36.0 / 4);
}

TEST(MultiviewModel, AFrozenTowerGetsNoGradient) {
  ModelConfig config = tiny_config();
  config.lateral.frozen = true;
  const MultiviewModel model(config, 1);
  const ViewFeatures features = model.encode_lateral(Batch().lateral);
  features.global.sum().backward();
  for (const auto& item : model.named_parameters()) {
    if (item.key().starts_with("lateral.")) {
      EXPECT_FALSE(item.value().grad().defined()) << item.key();
    }
  }
  EXPECT_THROW(check_frozen_towers(config, {}), Error);
  EXPECT_THROW(check_frozen_towers(config, {{"frontal.a", "lateral_adapter.a", "text.a"}, {}}),
               Error);
  EXPECT_NO_THROW(check_frozen_towers(config, {{"lateral.a"}, {"frontal.b", "lateral_adapter.b"}}));
  try {
    check_frozen_towers(config, {{"lateral.a"}, {"lateral.c", "lateral.b"}});
    ADD_FAILURE() << "a frozen tower with a random parameter is accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("lateral.b"), std::string::npos) << error.what();
  }
  config.lateral.allow_random_frozen = true;
  EXPECT_NO_THROW(check_frozen_towers(config, {}));
}

TEST(MultiviewModel, SaysWhichParametersDecay) {
  const MultiviewModel model(tiny_config(), 1);
  std::vector<std::string> exempt_matrices;
  for (const auto& item : model.named_parameters()) {
    const bool decays = takes_weight_decay(item.key(), item.value());
    if (item.value().dim() < 2) {
      EXPECT_FALSE(decays) << item.key();
    }
    if (item.value().dim() >= 2 && !decays) exempt_matrices.push_back(item.key());
  }
  EXPECT_THAT(exempt_matrices, ::testing::UnorderedElementsAre(
                                   "prototypes", "frontal.positional_embedding",
                                   "lateral.positional_embedding", "text.word_embeddings",
                                   "text.position_embeddings", "text.token_type_embeddings"));
  EXPECT_EQ(tower_of("frontal.patch_weight"), "frontal");
  EXPECT_EQ(tower_of("frontal_projection.weight"), "");
}

TEST(ModelConfig, SelectionByAttentionNeedsAClassToken) {
  ModelConfig config = tiny_config();
  config.key_semantics.selection.self = "attention";
  check_config(config);
  config.frontal.vit.pooling = "mean";
  try {
    check_config(config);
    FAIL() << "the mean of all patches reads all alike";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("model.key_semantics.selection.self"));
  }
}

TEST(ModelConfig, NamesTheKeyOfABadValue) {
  const auto message = [](const std::string& assignment) -> std::string {
    ModelConfig config = tiny_config();
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
  EXPECT_EQ(message("width=32"), "");
  EXPECT_THAT(message("frontal.vit.heads=5"), ::testing::HasSubstr("model.frontal.vit.heads"));
  EXPECT_THAT(message("image_size=33"), ::testing::HasSubstr("model.frontal.vit.patch"));
  EXPECT_THAT(message("key_semantics.selection.text=all"),
              ::testing::HasSubstr("model.key_semantics.selection.text"));
  EXPECT_EQ(message("key_semantics.selection.self=attention"), "");
  EXPECT_THAT(message("decoder.heads=7"), ::testing::HasSubstr("model.decoder.heads"));
  EXPECT_THAT(message("max_tokens=64"), ::testing::HasSubstr("model.max_tokens"));
  EXPECT_THAT(message("text.pooling=max"), ::testing::HasSubstr("model.text.pooling"));
  EXPECT_THAT(message("text.block_lr=0"), ::testing::HasSubstr("model.text.block_lr"));
  EXPECT_THAT(message("frontal.vit.stem=[4]"), ::testing::HasSubstr("model.frontal.vit.stem"));
  EXPECT_THAT(message("lateral.kind=swim"), ::testing::HasSubstr("model.lateral.kind"));
}

}  // namespace
}  // namespace biplane
