// Losses of detection heads against sums made by hand.
#include "biplane/tasks/detection_loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace biplane {
namespace {

using std::numbers::ln2;

constexpr std::int64_t kSide = 128;

double shape_iou(double w, double h, double other_w, double other_h) {
  const double both = std::min(w, other_w) * std::min(h, other_h);
  return both / (w * h + other_w * other_h - both);
}

TEST(YoloLoss, OfANetworkThatSaysNothingIsWhatItsFormulaSays) {
  // Three scales of one place and one finding; every logit is 0, so every cross-entropy is log 2.
  const DetectionBox box{20, 30, 50, 44};
  const std::vector<torch::Tensor> outputs(3, torch::zeros({1, 3, 1, 1, 6}));
  const torch::Tensor anchors = yolo_anchors(kSide);
  double expected = 0;
  for (std::int64_t scale = 0; scale < 3; ++scale) {
    std::int64_t best = 0, ignored = 0;
    double highest = 0;
    for (std::int64_t a = 0; a < 3; ++a) {
      const double iou = shape_iou(box.w, box.h, anchors[scale][a][0].item<double>(),
                                   anchors[scale][a][1].item<double>());
      ignored += iou > 0.5;
      if (iou > highest) best = a;
      highest = std::max(highest, iou);
    }
    const double w = std::log(box.w / anchors[scale][best][0].item<double>()),
                 h = std::log(box.h / anchors[scale][best][1].item<double>());
    // The anchor that is responsible is not punished, whatever its IoU.
    const double none = 3 - static_cast<double>(std::max<std::int64_t>(ignored, 1));
    expected += (2.5 * (2 * ln2 + w * w + h * h) + ln2 + 0.5 * none * ln2) / 3 + ln2 / 3;
  }
  EXPECT_NEAR(yolo_loss(yolo_terms(outputs, {{{0, box}}}, kSide)).item<double>(), expected, 1e-5);
}

TEST(YoloLoss, FindingsAreAMeanOverAnchorsAndFindings) {
  const std::vector<torch::Tensor> outputs(3, torch::zeros({2, 3, 2, 2, 9}));  // four findings
  const torch::Tensor terms = yolo_terms(outputs, {{{2, {20, 30, 50, 44}}}, {}}, kSide);
  for (std::int64_t scale = 0; scale < 3; ++scale) {
    EXPECT_NEAR(terms[7 * scale + 4].item<double>(), 4 * ln2, 1e-5) << "of the responsible anchor";
    EXPECT_EQ(terms[7 * scale + 5].item<double>(), 2 * 3 * 4);
    EXPECT_EQ(terms[7 * scale + 6].item<double>(), 2 * 3 * 4 * 4);
  }
  const torch::Tensor only =
      torch::zeros({21}).index_put_({torch::tensor({4, 5, 6, 12, 13, 19, 20})},
                                    torch::tensor({8.0F, 2.0F, 16.0F, 1.0F, 1.0F, 1.0F, 1.0F}));
  EXPECT_NEAR(yolo_loss(only).item<double>(), 0.5, 1e-6);
}

TEST(YoloTargets, StandInTheCellOfTheMiddleAndNameTheFinding) {
  const torch::Tensor anchors = yolo_anchors(kSide)[0];
  const YoloTargets targets =
      yolo_targets(torch::zeros({2, 3, 4, 4, 7}), anchors, {{}, {{1, {70, 10, 40, 30}}}}, kSide);
  // Middle (90, 25): column 2.8125, row 0.78125 of four.
  ASSERT_EQ(targets.object.sum().item<double>(), 1);
  const torch::Tensor there = targets.object.nonzero()[0];
  EXPECT_EQ(there[0].item<std::int64_t>(), 1);
  EXPECT_EQ(there[2].item<std::int64_t>(), 0);
  EXPECT_EQ(there[3].item<std::int64_t>(), 2);
  const torch::Tensor own = targets.box[1][there[1].item<std::int64_t>()][0][2];
  EXPECT_NEAR(own[0].item<double>(), 0.8125, 1e-6);
  EXPECT_NEAR(own[1].item<double>(), 0.78125, 1e-6);
  EXPECT_EQ(targets.findings[1][there[1].item<std::int64_t>()][0][2][1].item<double>(), 1);
  EXPECT_EQ(targets.findings.sum().item<double>(), 1);
}

// One level of four places 64 pixels apart, two findings, of two images.
FcosLevel four_places() {
  return {torch::zeros({2, 2, 2, 2}), torch::full({2, 4, 2, 2}, 20.0), torch::zeros({2, 1, 2, 2}),
          64.0};
}

TEST(FcosLoss, OfANetworkThatSaysNothingIsWhatItsFormulaSays) {
  // Of the first image the place (32, 32) lies in a box of the corners (10, 20), (60, 60): 22, 12,
  // 28, 28 from its sides. Of the second the place (96, 32) in (80, 16), (112, 48): its middle.
  const BatchBoxes boxes{{{0, {10, 20, 50, 40}}}, {{1, {80, 16, 32, 32}}}};
  const double centre = std::sqrt(22.0 / 28 * 12 / 28);
  // The boxes that are drawn: 20 to all sides.
  const double first = 1280.0 / 2320 - 80.0 / 2400, second = 1024.0 / 1600;
  const double focal = 0.25 * ln2 * (2 * 0.25 + 14 * 0.75);
  const double expected =
      (focal + 2 * ln2) / 2 + ((1 - first) * centre + (1 - second)) / (centre + 1);
  EXPECT_NEAR(fcos_loss(fcos_terms({four_places()}, boxes)).item<double>(), expected, 1e-5);
}

TEST(FcosTargets, OfTwoBoxesAPlaceIsTaughtTheSmaller) {
  const DetectionBox large{4, 4, 60, 60}, small{20, 20, 28, 24};
  for (const bool swapped : {false, true}) {
    std::vector<FindingBox> boxes{{0, large}, {1, small}};
    if (swapped) std::swap(boxes[0], boxes[1]);
    const FcosTargets targets = fcos_targets({four_places()}, {boxes, {}})[0];
    EXPECT_EQ(targets.findings[0][0][1].item<double>(), 1);
    EXPECT_EQ(targets.findings.sum().item<double>(), 1);
    EXPECT_TRUE(targets.sides[0][0].equal(torch::tensor({12.0F, 12.0F, 16.0F, 12.0F})));
  }
}

TEST(FcosTargets, LevelsAreForBoxesOfTheirSizeNearTheirMiddle) {
  std::vector<FcosLevel> levels;
  for (const std::int64_t stride : {4, 8, 16, 32}) {
    const std::int64_t grid = kSide / stride;
    levels.push_back({torch::zeros({1, 1, grid, grid}), torch::ones({1, 4, grid, grid}),
                      torch::zeros({1, 1, grid, grid}), static_cast<double>(stride)});
  }
  const auto taught = [&](const DetectionBox& box) {
    std::vector<std::int64_t> places;
    for (const FcosTargets& targets : fcos_targets(levels, {{{0, box}}}))
      places.push_back(targets.positive.sum().item<std::int64_t>());
    return places;
  };
  // 6 to either side: the nine places 4 apart within 6 of the middle (34, 34), none of a coarser
  // level, which are for more than 32.
  EXPECT_THAT(taught({28, 28, 12, 12}), ::testing::ElementsAre(9, 0, 0, 0));
  const std::vector<std::int64_t> large = taught({14, 14, 100, 100});
  EXPECT_EQ(large[0], 0) << "its sides are farther than 32 away";
  EXPECT_GT(large[1], 0);
  const std::vector<std::int64_t> all = taught({0, 0, 128, 128});
  EXPECT_EQ(all[0], 0);
  EXPECT_GT(all[3] + all[2], 0);
}

}  // namespace
}  // namespace biplane
