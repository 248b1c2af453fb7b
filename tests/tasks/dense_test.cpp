// Heads that tell of places: losses and targets against values made by hand, shapes, and small
// problems that they must be able to learn by heart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/inference/detection_heads.h"
#include "biplane/inference/segmentation_heads.h"
#include "biplane/tasks/augment.h"
#include "biplane/tasks/detection_loss.h"
#include "biplane/tasks/segmentation_loss.h"
#include "biplane/tasks/split_step.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;

torch::Tensor noise(at::IntArrayRef shape, const char* name) {
  torch::Tensor values = torch::zeros(shape);
  Initializer(7).normal(name, values, 1.0);
  return values;
}

TowerConfig vit(std::int64_t width, std::int64_t layers, std::int64_t patch) {
  TowerConfig tower;
  tower.vit.width = width;
  tower.vit.layers = layers;
  tower.vit.patch = patch;
  return tower;
}

// ---- Segmentation losses ----

TEST(SegmentationLoss, FocalAndDiceAreWhatTheirFormulasSay) {
  // Probabilities 3/4, 1/4 of a finding that covers the first pixel.
  const float logit = std::log(3.0F);
  const torch::Tensor logits = torch::tensor({logit, -logit}).view({1, 1, 1, 2});
  const torch::Tensor truth = torch::tensor({1.0F, 0.0F}).view({1, 1, 1, 2});
  const double focal = 0.0625 * -std::log(0.75);               // of each pixel: (1 - p)^2 -log p
  const double dice = (2 * 0.75 + 1) / (0.75 + 0.25 + 1 + 1);  // smoothed by 1
  EXPECT_NEAR(focal_dice_loss(focal_dice_terms(logits, truth)).item<double>(),
              10 * focal - std::log(dice), 1e-6);
}

TEST(SegmentationLoss, AMaskWithoutPixelsIsAsGoodAsItIsEmpty) {
  const torch::Tensor truth = torch::zeros({2, 1, 4, 4});
  const auto loss = [&](double logit) {
    return focal_dice_loss(focal_dice_terms(torch::full({2, 1, 4, 4}, logit), truth))
        .item<double>();
  };
  EXPECT_NEAR(loss(-30), 0, 1e-6);
  EXPECT_GT(loss(0), loss(-5));
}

TEST(SegmentationLoss, CrossEntropyCountsTheAuxiliaryHeadByItsWeight) {
  SegmentationLogits logits{torch::zeros({1, 2, 2, 2}), {}};
  const torch::Tensor truth = torch::ones({1, 1, 2, 2});
  EXPECT_NEAR(cross_entropy_loss(cross_entropy_terms(logits, truth), 0.4).item<double>(),
              std::numbers::ln2, 1e-6);
  logits.auxiliary = torch::zeros({1, 2, 2, 2});
  EXPECT_NEAR(cross_entropy_loss(cross_entropy_terms(logits, truth), 0.4).item<double>(),
              1.4 * std::numbers::ln2, 1e-6);
}

TEST(SplitStep, PartsGiveTheLossAndGradientsOfTheWholeBatch) {
  const torch::Tensor truth = noise({6, 2, 5, 5}, "truth").gt(0.5).to(torch::kFloat32);
  const auto run = [&](int parts) {
    torch::Tensor weight = noise({6, 2, 5, 5}, "weight").requires_grad_();
    SplitStep step;
    step.rows = 6;
    step.parts = parts;
    step.terms = [&](std::int64_t begin, std::int64_t end) {
      return focal_dice_terms(weight.slice(0, begin, end), truth.slice(0, begin, end));
    };
    step.loss = focal_dice_loss;
    const double loss = split_gradient(step, {weight});
    return std::pair{loss, weight.grad()};
  };
  const auto [one, gradient] = run(1);
  const auto [four, parted] = run(4);
  EXPECT_NEAR(one, four, 1e-5);
  EXPECT_TRUE(torch::allclose(gradient, parted, 1e-4, 1e-7));
}

// ---- Segmentation heads ----

TEST(SegmentationHead, GivesEveryPixelOfOddGridsAndOfSwinStages) {
  SegmenterConfig config;
  config.names = {"a", "b", "c"};
  config.channels = 16;
  for (const std::int64_t grid : {1, 5, 7}) {
    for (const char* kind : {"setr_pup", "upernet"}) {
      config.head = kind;
      config.layers = {2};
      const SegmentationHead head(config, vit(24, 2, 14));
      EXPECT_EQ(head.forward({noise({2, 24, grid, grid}, "map")}, 14 * grid).main.sizes(),
                (std::vector<std::int64_t>{2, 3, 14 * grid, 14 * grid}))
          << kind << " " << grid;
    }
  }
  TowerConfig swin;
  swin.kind = "swin";
  swin.swin.width = 8;
  config.layers = default_layers(swin, false);
  EXPECT_THAT(config.layers, ElementsAre(1, 2, 3, 4));
  const SegmentationHead head(config, swin);
  std::vector<torch::Tensor> maps;
  for (int stage = 0; stage < 4; ++stage)
    maps.push_back(noise({1, 8 << stage, 24 >> stage, 24 >> stage}, "stage"));
  EXPECT_EQ(head.forward(maps, 96).main.size(3), 96);
}

TEST(SegmentationHead, StandsOnTheLayersItNames) {
  EXPECT_THAT(default_layers(vit(8, 12, 16), false), ElementsAre(3, 6, 9, 12));
  EXPECT_THAT(default_layers(vit(8, 2, 16), false), ElementsAre(2));
  EXPECT_THAT(default_layers(vit(8, 12, 16), true), ElementsAre(12));
  SegmenterConfig config;
  config.names = {"a"};
  config.head = "upernet";
  config.layers = {1, 2};
  EXPECT_THROW(SegmentationHead(config, vit(8, 12, 16)), Error);
  config.layers = {13};
  EXPECT_THROW(SegmentationHead(config, vit(8, 12, 16)), Error);
}

TEST(FeaturePyramid, TheStemJoinsTheLevelsOfItsStrides) {
  TowerConfig tower = vit(8, 2, 16);
  tower.vit.stem = {3, 4, 5, 6};
  const std::vector<std::int64_t> layers = default_layers(tower, false);
  EXPECT_THAT(layers, ElementsAre(-2, -1, 2));
  EXPECT_THAT(default_layers(tower, true), ElementsAre(2));
  FeaturePyramid pyramid(tower, layers, 16);
  pyramid.initialise(Initializer(3));
  EXPECT_THAT(pyramid.strides(), ElementsAre(4, 8, 16, 32));
  std::vector<torch::Tensor> maps{noise({1, 4, 12, 12}, "-2"), noise({1, 5, 6, 6}, "-1"),
                                  noise({1, 8, 3, 3}, "blocks")};
  const std::vector<torch::Tensor> before = pyramid.forward(maps);
  const std::int64_t sides[] = {12, 6, 3, 2};
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(before[i].sizes(), (std::vector<std::int64_t>{1, 16, sides[i], sides[i]}));
  for (std::size_t stage = 0; stage < 2; ++stage) {
    std::vector<torch::Tensor> other = maps;
    other[stage] = noise(maps[stage].sizes(), "other");
    const std::vector<torch::Tensor> after = pyramid.forward(other);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(after[i].equal(before[i]), i != stage) << i;
  }
  for (const std::int64_t stage : {0, -3})
    EXPECT_THROW(FeaturePyramid(tower, {stage, 2}, 16), Error) << stage;
  EXPECT_THROW(FeaturePyramid(tower, {-1, -1, 2}, 16), Error) << "twice";
  TowerConfig swin;
  swin.kind = "swin";
  EXPECT_THROW(FeaturePyramid(swin, {-1, 1, 2, 3, 4}, 16), Error) << "a Swin has no stem";
  tower.vit.stem.clear();
  EXPECT_THROW(FeaturePyramid(tower, {-1, 2}, 16), Error) << "there is no stem";
}

TEST(SegmentationHead, TheAuxiliaryHeadIsForTrainingAlone) {
  SegmenterConfig config;
  config.names = {"a"};
  config.exclusive = config.auxiliary = true;
  config.channels = 8;
  config.layers = {1};
  SegmentationHead head(config, vit(8, 1, 16));
  const std::vector<torch::Tensor> maps{noise({1, 8, 3, 3}, "map")};
  EXPECT_TRUE(head.forward(maps, 48).auxiliary.defined());
  head.eval();
  const SegmentationLogits logits = head.forward(maps, 48);
  EXPECT_FALSE(logits.auxiliary.defined());
  EXPECT_TRUE(torch::allclose(head.probability(logits.main), logits.main.softmax(1).slice(1, 1)));
}

// ---- What training images go through ----

TEST(ViewChange, MasksAndBoxesGoWithTheirImages) {
  torch::Tensor plane = torch::zeros({1, 1, 16, 16});
  plane.slice(2, 4, 8).slice(3, 8, 12).fill_(1);
  const ViewChange change{std::nullopt, CropBox{2, 4, 8, 12}, true};
  const torch::Tensor changed = change_planes(plane, {change}, 16).ge(0.5)[0][0];
  const std::vector<FindingBox> boxes = change_boxes({{0, {8, 4, 4, 4}}}, change, 16);
  ASSERT_EQ(boxes.size(), 1U);
  const DetectionBox& box = boxes[0].box;
  EXPECT_NEAR(box.x, 16 - (12 - 4) * 16.0 / 12, 1e-9);
  EXPECT_NEAR(box.y, 4, 1e-9);
  EXPECT_NEAR(box.h, 8, 1e-9);
  const torch::Tensor inside = changed.nonzero();
  EXPECT_NEAR(static_cast<double>(inside.select(1, 0).min().item<std::int64_t>()), box.y, 1);
  EXPECT_NEAR(static_cast<double>(inside.select(1, 1).min().item<std::int64_t>()), box.x, 1);
  EXPECT_TRUE(change_boxes({{0, {0, 0, 4, 4}}}, change, 16).empty()) << "its middle is cut off";
}

// Where a mask lies: the smallest box around its pixels.
DetectionBox around(const torch::Tensor& mask) {
  const torch::Tensor inside = mask.ge(0.5)[0][0].nonzero();
  const torch::Tensor low = inside.amin({0}), high = inside.amax({0});
  const auto at = [](const torch::Tensor& corner, std::int64_t i) {
    return corner[i].item<double>();
  };
  return {at(low, 1), at(low, 0), at(high, 1) - at(low, 1) + 1, at(high, 0) - at(low, 0) + 1};
}

torch::Tensor mask_of(const DetectionBox& box, std::int64_t side) {
  torch::Tensor mask = torch::zeros({1, 1, side, side});
  const auto whole = [](double value) { return static_cast<std::int64_t>(value); };
  mask.slice(2, whole(box.y), whole(box.y + box.h))
      .slice(3, whole(box.x), whole(box.x + box.w))
      .fill_(1);
  return mask;
}

TEST(ViewChange, AQuarterTurnIsClockwiseAndExact) {
  torch::Tensor plane = torch::arange(16, torch::kFloat32).view({1, 1, 4, 4});
  const torch::Tensor turned = change_planes(plane, {ViewChange{Turn{90, 1}, {}, false}}, 4);
  EXPECT_TRUE(torch::allclose(turned, torch::rot90(plane, -1, {2, 3}), 0, 1e-4));
  const auto boxes = change_boxes({{0, {1, 0, 2, 1}}}, ViewChange{Turn{90, 1}, {}, false}, 4);
  ASSERT_EQ(boxes.size(), 1U);
  EXPECT_NEAR(boxes[0].box.x, 3, 1e-9);
  EXPECT_NEAR(boxes[0].box.y, 1, 1e-9);
  EXPECT_NEAR(boxes[0].box.w, 1, 1e-9);
  EXPECT_NEAR(boxes[0].box.h, 2, 1e-9);
}

TEST(ViewChange, TurnedAndScaledMasksAndBoxesGoWithTheirImages) {
  const DetectionBox box{30, 50, 40, 20};
  const std::vector<std::optional<CropBox>> crops{std::nullopt, CropBox{20, 10, 90, 100}};
  for (const Turn turn : {Turn{0, 1.1}, Turn{0, 0.9}, Turn{10, 1}, Turn{-10, 0.9}, Turn{60, 0.7}}) {
    for (const auto& crop : crops) {
      for (const bool flip : {false, true}) {
        const ViewChange change{turn, crop, flip};
        const auto boxes = change_boxes({{0, box}}, change, 128);
        ASSERT_EQ(boxes.size(), 1U);
        const DetectionBox mask = around(change_planes(mask_of(box, 128), {change}, 128)),
                           own = boxes[0].box;
        const std::string where = std::to_string(turn.degrees) + " " + std::to_string(turn.scale);
        EXPECT_NEAR(own.x, mask.x, 2) << where;
        EXPECT_NEAR(own.y, mask.y, 2) << where;
        EXPECT_NEAR(own.x + own.w, mask.x + mask.w, 2) << where;
        EXPECT_NEAR(own.y + own.h, mask.y + mask.h, 2) << where;
      }
    }
  }
}

TEST(ViewChange, WhatIsTurnedInFromOutsideIsBlackAndWhatIsTurnedOutIsLeftOut) {
  const ViewChange change{Turn{45, 1}, std::nullopt, false};
  const torch::Tensor turned = change_planes(torch::ones({1, 1, 64, 64}), {change}, 64);
  EXPECT_EQ(turned[0][0][0][0].item<float>(), 0.0F);
  EXPECT_NEAR(turned[0][0][32][32].item<double>(), 1, 1e-6);
  EXPECT_TRUE(change_boxes({{0, {0, 0, 8, 8}}}, change, 64).empty());
}

// ---- Boxes ----

torch::Tensor random_boxes(std::int64_t count, CounterRandom& random) {
  torch::Tensor boxes = torch::zeros({count, 4});
  for (std::int64_t i = 0; i < count; ++i) {
    const double x = random.uniform(0, 60), y = random.uniform(0, 60);
    boxes[i][0] = x;
    boxes[i][1] = y;
    boxes[i][2] = x + random.uniform(5, 40);
    boxes[i][3] = y + random.uniform(5, 40);
  }
  return boxes;
}

DetectionBox box_at(const torch::Tensor& boxes, std::int64_t i) {
  const auto at = [&](std::int64_t c) { return boxes[i][c].item<double>(); };
  return {at(0), at(1), at(2) - at(0), at(3) - at(1)};
}

TEST(Boxes, SuppressionLeavesWhatBruteForceLeaves) {
  CounterRandom random(3, "boxes");
  for (int trial = 0; trial < 20; ++trial) {
    const torch::Tensor boxes = random_boxes(30, random), scores = noise({30}, "scores").abs();
    const auto left = suppress_overlaps(boxes, scores, 0.3);
    std::vector<std::int64_t> expected;
    std::vector<bool> used(30, false);
    for (;;) {
      std::int64_t best = -1;
      for (std::int64_t i = 0; i < 30; ++i) {
        if (used[static_cast<std::size_t>(i)]) continue;
        if (best < 0 || scores[i].item<float>() > scores[best].item<float>()) best = i;
      }
      if (best < 0) break;
      used[static_cast<std::size_t>(best)] = true;
      bool overlaps = false;
      for (const std::int64_t other : expected)
        overlaps = overlaps || box_iou(box_at(boxes, best), box_at(boxes, other)) >= 0.3;
      if (!overlaps) expected.push_back(best);
    }
    EXPECT_EQ(left, expected);
  }
}

TEST(Boxes, GeneralisedIouIsOneForTheSameBoxAndBelowZeroApart) {
  const torch::Tensor a = torch::tensor({{0.0F, 0.0F, 2.0F, 2.0F}}),
                      apart = torch::tensor({{4.0F, 0.0F, 6.0F, 2.0F}});
  EXPECT_NEAR(generalised_iou(a, a).item<double>(), 1, 1e-6);
  EXPECT_NEAR(generalised_iou(a, apart).item<double>(), -1.0 / 3, 1e-6);
}

// ---- YOLOv3 ----

constexpr std::int64_t kSide = 128;

const BatchBoxes& two_images() {
  // The first image has two boxes of different findings, the second none.
  static const BatchBoxes boxes{{{0, {20, 30, 50, 44}}, {1, {90, 8, 12, 20}}}, {}};
  return boxes;
}

// What the network would have to say to be right.
torch::Tensor perfect(const torch::Tensor& like, const torch::Tensor& anchors) {
  const YoloTargets targets = yolo_targets(like, anchors, two_images(), kSide);
  torch::Tensor output = torch::full_like(like, -20.0F);
  const torch::Tensor place = targets.box.slice(-1, 0, 2).clamp(1e-4, 1 - 1e-4);
  output.slice(-1, 0, 2).copy_(place.logit());
  output.slice(-1, 2, 4).copy_(targets.box.slice(-1, 2, 4));
  output.select(-1, kYoloObject).copy_(targets.object * 40 - 20);
  output.slice(-1, kYoloFindings).copy_(targets.findings * 40 - 20);
  return output;
}

TEST(Yolo, DecodingAnEncodedBoxGivesTheBox) {
  const torch::Tensor anchors = yolo_anchors(kSide);
  for (const std::int64_t grid : {4, 8, 16, 5}) {
    for (std::int64_t scale = 0; scale < 3; ++scale) {
      const torch::Tensor output = perfect(torch::zeros({2, 3, grid, grid, 7}), anchors[scale]);
      const torch::Tensor boxes = decode_yolo(output, anchors[scale], kSide);
      const torch::Tensor there = output.select(-1, kYoloObject).gt(0).nonzero();
      ASSERT_EQ(there.size(0), 2);
      for (std::int64_t i = 0; i < 2; ++i) {
        const auto at = [&](std::int64_t d) { return there[i][d].item<std::int64_t>(); };
        const torch::Tensor own = boxes[at(0)][at(1)][at(2)][at(3)];
        const bool first = output[at(0)][at(1)][at(2)][at(3)][kYoloFindings].item<double>() > 0;
        const DetectionBox& truth = two_images()[0][first ? 0 : 1].box;
        EXPECT_NEAR(own[0].item<double>(), truth.x, 0.01);
        EXPECT_NEAR(own[1].item<double>(), truth.y, 0.01);
        EXPECT_NEAR(own[2].item<double>(), truth.x + truth.w, 0.01);
        EXPECT_NEAR(own[3].item<double>(), truth.y + truth.h, 0.01);
      }
    }
  }
}

TEST(Yolo, APerfectPredictionHasTheSmallestLoss) {
  const torch::Tensor anchors = yolo_anchors(kSide);
  std::vector<torch::Tensor> outputs;
  for (std::int64_t scale = 0; scale < 3; ++scale)
    outputs.push_back(perfect(torch::zeros({2, 3, 4 << scale, 4 << scale, 7}), anchors[scale]));
  const auto loss = [&](const std::vector<torch::Tensor>& of) {
    return yolo_loss(yolo_terms(of, two_images(), kSide)).item<double>();
  };
  const double best = loss(outputs);
  for (std::int64_t attribute = 0; attribute < 7; ++attribute) {
    for (const double change : {-1.0, 1.0}) {
      std::vector<torch::Tensor> worse;
      for (const torch::Tensor& output : outputs) {
        worse.push_back(output.clone());
        // Past saturation a change of one means nothing.
        worse.back().select(-1, attribute).mul_(attribute < 4 ? 1 : 0.1).add_(change);
      }
      EXPECT_GT(loss(worse), best) << attribute << " " << change;
    }
  }
}

TEST(Yolo, HasThreeScalesOfOddGridsToo) {
  const YoloHead head(24, 32, 2);
  for (const std::int64_t grid : {4, 5}) {
    const auto outputs = head.forward(noise({1, 24, grid, grid}, "map"));
    ASSERT_EQ(outputs.size(), 3U);
    EXPECT_EQ(outputs[0].size(2), (grid + 1) / 2);
    EXPECT_EQ(outputs[1].size(2), grid);
    EXPECT_EQ(outputs[2].size(2), 2 * grid);
    EXPECT_EQ(outputs[2].size(4), 7);
  }
}

// ---- FCOS ----

std::vector<FcosLevel> levels_of(std::int64_t images) {
  std::vector<FcosLevel> levels;
  for (const std::int64_t stride : {4, 8, 16, 32}) {
    const std::int64_t grid = kSide / stride;
    levels.push_back({torch::zeros({images, 2, grid, grid}), torch::ones({images, 4, grid, grid}),
                      torch::zeros({images, 1, grid, grid}), static_cast<double>(stride)});
  }
  return levels;
}

TEST(Fcos, PlacesAreTaughtTheBoxTheyLieIn) {
  const std::vector<FcosLevel> levels = levels_of(2);
  const std::vector<FcosTargets> targets = fcos_targets(levels, two_images());
  std::int64_t positives = 0;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    EXPECT_FALSE(targets[i].positive[1].any().item<bool>()) << "an image without boxes";
    const torch::Tensor places = level_places(levels[i]);
    const torch::Tensor rows = targets[i].positive[0].nonzero().squeeze(1);
    positives += rows.size(0);
    for (std::int64_t r = 0; r < rows.size(0); ++r) {
      const auto place = rows[r].item<std::int64_t>();
      const bool first = targets[i].findings[0][place][0].item<double>() > 0;
      const DetectionBox& box = two_images()[0][first ? 0 : 1].box;
      const torch::Tensor sides = targets[i].sides[0][place];
      EXPECT_NEAR((places[place][0] - sides[0]).item<double>(), box.x, 1e-4);
      EXPECT_NEAR((places[place][1] + sides[3]).item<double>(), box.y + box.h, 1e-4);
    }
  }
  EXPECT_GT(positives, 2);
}

TEST(Fcos, APerfectPredictionHasNoBoxLossAndImagesWithoutBoxesAreFine) {
  std::vector<FcosLevel> levels = levels_of(2);
  const std::vector<FcosTargets> targets = fcos_targets(levels, two_images());
  const double before = fcos_loss(fcos_terms(levels, two_images())).item<double>();
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto shape = levels[i].sides.sizes();
    levels[i].sides = targets[i].sides.transpose(1, 2).reshape(shape);
    levels[i].findings =
        (targets[i].findings.transpose(1, 2) * 40 - 20).reshape(levels[i].findings.sizes());
  }
  const torch::Tensor terms = fcos_terms(levels, two_images());
  EXPECT_NEAR(terms[0].item<double>(), 0, 1e-4);
  EXPECT_NEAR(terms[1].item<double>(), 0, 1e-4);
  EXPECT_LT(fcos_loss(terms).item<double>(), before);
  EXPECT_TRUE(std::isfinite(fcos_loss(fcos_terms(levels, {{}, {}})).item<double>()));
}

TEST(DetectionHead, KeepsBoxesAboveTheConfidenceAndTheBestOfThose) {
  DetectorConfig config;
  config.confidence = 0.5;
  BoxCandidates candidates{
      torch::tensor({0.0F, 0.0F, 9.0F, 9.0F, 1.0F, 0.0F, 9.0F, 9.0F, 20.0F, 20.0F, 30.0F, 30.0F})
          .view({3, 4}),
      torch::tensor({0.6F, 0.1F, 0.8F, 0.7F, 0.4F, 0.9F}).view({3, 2})};
  const ImageBoxes kept = keep_best_boxes(candidates, config);
  ASSERT_EQ(kept.scores.size(0), 3);
  EXPECT_NEAR(kept.scores[0].item<double>(), 0.9, 1e-6);
  EXPECT_EQ(kept.findings[0].item<std::int64_t>(), 1);
  EXPECT_NEAR(kept.scores[1].item<double>(), 0.8, 1e-6);
  EXPECT_EQ(keep_best_boxes(candidates, config, 1).scores.size(0), 1);
  config.confidence = 0.95;
  EXPECT_EQ(keep_best_boxes(candidates, config).boxes.size(0), 0);
}

}  // namespace
}  // namespace biplane
