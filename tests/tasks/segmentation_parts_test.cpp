// Parts of segmentation heads that published protocols have: a loss by image, an auxiliary head on
// a layer of its own, dropout of channels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "biplane/core/error.h"
#include "biplane/inference/segmentation_heads.h"
#include "biplane/tasks/segmentation_loss.h"

namespace biplane {
namespace {

torch::Tensor noise(at::IntArrayRef shape, const char* name) {
  torch::Tensor values = torch::zeros(shape);
  Initializer(7).normal(name, values, 1.0);
  return values;
}

TowerConfig small_vit() {
  TowerConfig tower;
  tower.vit.width = 8;
  tower.vit.layers = 4;
  tower.vit.patch = 16;
  return tower;
}

SegmenterConfig small_head(const char* head) {
  SegmenterConfig config;
  config.names = {"a"};
  config.head = head;
  config.channels = 16;
  config.layers = {4};
  return config;
}

// ---- Loss by image ----

TEST(SegmentationLoss, ByImageIsWhatItsFormulaSays) {
  // Two images of one pixel; the finding covers the first. Logits 0 and log 3: the softmax says 3/4
  // of it; the sigmoids of the two outputs are 1/2 and 3/4.
  const float high = std::log(3.0F);
  const SegmentationLogits logits{torch::tensor({0.0F, high, 0.0F, high}).view({2, 2, 1, 1}), {}};
  const torch::Tensor truth = torch::tensor({1.0F, 0.0F}).view({2, 1, 1, 1});
  const auto focal = [](double right) { return std::pow(1 - right, 2) * -std::log(right); };
  // Outputs of the first image: background should be 0 (1/2), finding 1 (3/4); of the second:
  // background 1 (1/2), finding 0 (1/4).
  const double mean = (focal(0.5) + focal(0.75) + focal(0.5) + focal(0.25)) / 4;
  const double first = 1 - (2 * 0.75 + 1) / (0.5625 + 1 + 1), second = 1 - 1 / (0.5625 + 1);
  const double expected = 2 * 0.5 * mean + (first + second) / 2 / 2;
  const SegmentationLoss loss = segmentation_loss("focal_dice_by_image", 0.4);
  EXPECT_NEAR(loss.loss(loss.terms(logits, truth)).item<double>(), expected, 1e-6);
  const SegmentationLogits both{logits.main, logits.main};
  EXPECT_NEAR(loss.loss(loss.terms(both, truth)).item<double>(), 1.4 * expected, 1e-6);
}

TEST(SegmentationLoss, ByImageItsPartsAddUp) {
  const torch::Tensor truth = noise({6, 1, 5, 5}, "truth").gt(0.5).to(torch::kFloat32);
  const SegmentationLogits logits{noise({6, 2, 5, 5}, "a"), noise({6, 2, 5, 5}, "b")};
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    return focal_dice_by_image_terms(
        {logits.main.slice(0, begin, end), logits.auxiliary.slice(0, begin, end)},
        truth.slice(0, begin, end));
  };
  EXPECT_TRUE(torch::allclose(part(0, 6), part(0, 1) + part(1, 6), 1e-5, 1e-6));
}

TEST(SegmentationLoss, EachNameIsItsOwn) {
  const torch::Tensor truth = noise({2, 1, 5, 5}, "truth").gt(0.5).to(torch::kFloat32);
  const SegmentationLogits two{noise({2, 2, 5, 5}, "a"), {}}, one{noise({2, 1, 5, 5}, "a"), {}};
  const auto value = [&](const char* name, const SegmentationLogits& logits) {
    const SegmentationLoss loss = segmentation_loss(name, 0);
    return loss.loss(loss.terms(logits, truth)).item<double>();
  };
  EXPECT_EQ(value("cross_entropy", two),
            cross_entropy_loss(cross_entropy_terms(two, truth), 0).item<double>());
  EXPECT_EQ(value("focal_dice", one),
            focal_dice_loss(focal_dice_terms(one.main, truth)).item<double>());
  EXPECT_NE(value("focal_dice_by_image", two), value("cross_entropy", two));
}

TEST(SegmentationLoss, ThatWhichSelectsIsAMeanOverBatches) {
  // Three images of one pixel with logit 0, the finding covers the first and the last: in batches
  // of two the Dice is 2/3 (I = 1/2, S = 2) and 4/5 (I = 1/2, S = 3/2).
  const SegmentationLogits logits{torch::zeros({3, 1, 1, 1}), {}};
  const torch::Tensor truth = torch::tensor({1.0F, 0.0F, 1.0F}).view({3, 1, 1, 1});
  const SegmentationLoss loss = segmentation_loss("focal_dice", 0);
  const torch::Tensor terms = image_terms(loss, logits, truth);
  const double focal = 10 * 0.25 * std::log(2.0);
  EXPECT_NEAR(mean_batch_loss(loss, terms, 2),
              focal - (2 * std::log(2.0 / 3) + std::log(4.0 / 5)) / 3, 1e-6);
  EXPECT_NEAR(mean_batch_loss(loss, terms, 48), loss.loss(loss.terms(logits, truth)).item<double>(),
              1e-6);
}

TEST(SegmentationLoss, OneThatIsAMeanOverImagesIsTheSameInBatches) {
  const torch::Tensor truth = noise({5, 1, 4, 4}, "truth").gt(0.5).to(torch::kFloat32);
  const SegmentationLogits logits{noise({5, 2, 4, 4}, "a"), noise({5, 2, 4, 4}, "b")};
  for (const char* name : {"cross_entropy", "focal_dice_by_image"}) {
    const SegmentationLoss loss = segmentation_loss(name, 0.4);
    EXPECT_NEAR(mean_batch_loss(loss, image_terms(loss, logits, truth), 2),
                loss.loss(loss.terms(logits, truth)).item<double>(), 1e-5)
        << name;
  }
}

// ---- The auxiliary head ----

TEST(AuxiliaryHead, ReadsTheLayerAndHasTheWidthThatItIsGiven) {
  SegmenterConfig config = small_head("upernet");
  config.exclusive = config.auxiliary = true;
  config.layers = {1, 2, 3, 4};
  config.auxiliary_layer = 3;
  config.auxiliary_channels = 24;
  SegmentationHead head(config, small_vit());
  head.initialise(Initializer(1));
  EXPECT_EQ(head.named_parameters()["auxiliary.block.conv.weight"].size(0), 24);
  std::vector<torch::Tensor> maps;
  for (int i = 0; i < 4; ++i) maps.push_back(noise({1, 8, 3, 3}, "map"));
  const torch::Tensor before = head.forward(maps, 48).auxiliary;
  for (const std::size_t other : {0, 1, 3}) {
    std::vector<torch::Tensor> changed = maps;
    changed[other] = noise({1, 8, 3, 3}, "other");
    EXPECT_TRUE(head.forward(changed, 48).auxiliary.equal(before)) << other;
  }
  maps[2] = noise({1, 8, 3, 3}, "other");
  EXPECT_FALSE(head.forward(maps, 48).auxiliary.equal(before));
}

TEST(AuxiliaryHead, ByDefaultIsOnTheLastLayerAndAsWideAsTheHead) {
  SegmenterConfig config = small_head("upernet");
  config.exclusive = config.auxiliary = true;
  config.layers = {1, 2, 3, 4};
  SegmentationHead head(config, small_vit());
  head.initialise(Initializer(1));
  EXPECT_EQ(head.named_parameters()["auxiliary.block.conv.weight"].size(0), 16);
  std::vector<torch::Tensor> maps;
  for (int i = 0; i < 4; ++i) maps.push_back(noise({1, 8, 3, 3}, "map"));
  const torch::Tensor before = head.forward(maps, 48).auxiliary;
  maps[3] = noise({1, 8, 3, 3}, "other");
  EXPECT_FALSE(head.forward(maps, 48).auxiliary.equal(before));
}

TEST(AuxiliaryHead, OnALayerThatTheHeadDoesNotReadIsRefused) {
  SegmenterConfig config = small_head("upernet");
  config.exclusive = config.auxiliary = true;
  config.auxiliary_layer = 2;
  try {
    const SegmentationHead head(config, small_vit());
    FAIL() << "layer 2 is taken";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "segmentation.auxiliary_layer = 2: must be one of dense.layers");
  }
}

// ---- Dropout ----

TEST(SegmentationDropout, DropsOfEveryHeadAndDependsOnSeedStepAndStudyAlone) {
  for (const char* name : {"upernet", "setr_pup"}) {
    SegmenterConfig config = small_head(name);
    config.exclusive = config.auxiliary = true;
    SegmentationHead head(config, small_vit());
    head.initialise(Initializer(1));
    const torch::Tensor map = noise({2, 8, 3, 3}, "map");
    const auto run = [&](double rate, std::uint64_t seed, std::int64_t step, std::int64_t begin) {
      const KeyedDropout dropout{rate, seed, step, 0, torch::tensor({7, 9}).slice(0, begin)};
      return head.forward({map.slice(0, begin)}, 48, &dropout);
    };
    const SegmentationLogits plain = head.forward({map}, 48), none = run(0, 1, 0, 0),
                             some = run(0.5, 1, 0, 0);
    EXPECT_TRUE(none.main.equal(plain.main) && none.auxiliary.equal(plain.auxiliary));
    EXPECT_FALSE(some.main.equal(plain.main)) << name;
    EXPECT_FALSE(some.auxiliary.equal(plain.auxiliary)) << name;
    EXPECT_TRUE(torch::allclose(some.main.slice(0, 1), run(0.5, 1, 0, 1).main, 1e-4, 1e-6))
        << "whatever batch a study is in";
    EXPECT_FALSE(some.main.equal(run(0.5, 2, 0, 0).main)) << "another seed";
    EXPECT_FALSE(some.main.equal(run(0.5, 1, 1, 0).main)) << "another step";
  }
}

TEST(SegmentationDropout, TakesWholeChannelsAndKeepsTheirMean) {
  // A head whose last convolution adds up channels of ones: what is left of them, times 2.
  AuxiliaryHead head(1, 512, 1);
  const torch::NoGradGuard no_grad;
  auto parameters = head.named_parameters();
  parameters["block.norm.bias"].fill_(1.0);  // the map behind norm and ReLU is 1 everywhere
  parameters["block.norm.weight"].zero_();
  parameters["classes.weight"].fill_(1.0);
  const KeyedDropout dropout{0.5, 1, 0, 0, torch::tensor({5})};
  const torch::Tensor sum = head.forward(torch::ones({1, 1, 4, 4}), &dropout);
  EXPECT_TRUE(sum.eq(sum[0][0][0][0]).all().item<bool>()) << "the same channels at every place";
  EXPECT_NEAR(sum[0][0][0][0].item<double>(), 512, 90);
  EXPECT_NE(sum[0][0][0][0].item<double>(), 512);
}

}  // namespace
}  // namespace biplane
