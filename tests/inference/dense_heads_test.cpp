// The heads' wiring against the same networks written down once more in plain operators, by the
// names of their parameters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "biplane/core/error.h"
#include "biplane/inference/detection_heads.h"
#include "biplane/inference/segmentation_heads.h"

namespace biplane {
namespace {

torch::Tensor noise(at::IntArrayRef shape, const std::string& name) {
  torch::Tensor values = torch::zeros(shape);
  Initializer(7).normal(name, values, 1.0);
  return values;
}

// A head's parameters, every one of them drawn, so that none is 0 or 1.
class Parameters {
 public:
  Parameters(torch::nn::Module& head, const std::string& prefix) : prefix_(prefix) {
    const torch::NoGradGuard no_grad;
    for (const auto& item : head.named_parameters())
      item.value().copy_(noise(item.value().sizes(), item.key()) * 0.3 + 0.1);
    values_ = head.named_parameters();
  }

  torch::Tensor conv(const std::string& name, const torch::Tensor& x, std::int64_t stride = 1) {
    const torch::Tensor weight = at(name + ".weight");
    const torch::Tensor* bias = values_.find(prefix_ + name + ".bias");
    const std::int64_t padding = weight.size(2) / 2;
    return at::conv2d(x, weight, bias ? *bias : torch::Tensor(), {stride, stride},
                      {padding, padding});
  }
  torch::Tensor norm(const std::string& name, const torch::Tensor& x) {
    const std::int64_t channels = x.size(1);
    const std::int64_t groups =
        std::gcd(channels, std::min<std::int64_t>(std::max<std::int64_t>(channels / 8, 1), 32));
    return at::group_norm(x, groups, at(name + ".weight"), at(name + ".bias"), 1e-5);
  }
  torch::Tensor block(const std::string& name, const torch::Tensor& x, double leak = 0) {
    return at::leaky_relu(norm(name + ".norm", conv(name + ".conv", x)), leak);
  }
  torch::Tensor at(const std::string& name) { return values_[prefix_ + name]; }

 private:
  std::string prefix_;
  torch::OrderedDict<std::string, torch::Tensor> values_;
};

torch::Tensor resized(const torch::Tensor& x, const torch::Tensor& like) {
  return at::upsample_bilinear2d(x, {like.size(2), like.size(3)}, false);
}

TowerConfig vit(std::int64_t width) {
  TowerConfig tower;
  tower.vit.width = width;
  tower.vit.layers = 4;
  tower.vit.patch = 16;
  return tower;
}

std::vector<torch::Tensor> four_maps(std::int64_t width, std::int64_t side) {
  std::vector<torch::Tensor> maps;
  for (int i = 0; i < 4; ++i) maps.push_back(noise({2, width, side, side}, numbered("map", i)));
  return maps;
}

// The simple feature pyramid: four times, twice, as fine, half as fine as the patches.
std::vector<torch::Tensor> pyramid(Parameters& p, const std::vector<torch::Tensor>& maps) {
  const auto doubled = [&](const std::string& name, const torch::Tensor& x) {
    return at::conv_transpose2d(x, p.at(name + ".weight"), p.at(name + ".bias"), {2, 2});
  };
  torch::Tensor finest = doubled("pyramid.level1_doubling1", maps[0]);
  finest = doubled("pyramid.level1_doubling2", at::gelu(p.norm("pyramid.level1_norm", finest)));
  return {p.block("pyramid.level1_join", finest),
          p.block("pyramid.level2_join", doubled("pyramid.level2_doubling1", maps[1])),
          p.block("pyramid.level3_join", maps[2]),
          p.block("pyramid.level4_join",
                  at::max_pool2d(maps[3], {2, 2}, {2, 2}, {0, 0}, {1, 1}, /*ceil_mode=*/true))};
}

void expect_close(const torch::Tensor& a, const torch::Tensor& b, const std::string& what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  EXPECT_TRUE(torch::allclose(a, b, 1e-4, 1e-4)) << what << ": " << (a - b).abs().max();
}

TEST(UperHead, IsContextOfTheCoarsestLevelAndASumFromCoarseToFine) {
  UperHead head(vit(8), {1, 2, 3, 4}, 16, 3);
  Parameters p(head, "");
  const std::vector<torch::Tensor> maps = four_maps(8, 5);
  std::vector<torch::Tensor> levels = pyramid(p, maps);
  std::vector<torch::Tensor> context{levels[3]};
  for (const int side : {1, 2, 3, 6}) {
    const torch::Tensor pooled = at::adaptive_avg_pool2d(levels[3], {side, side});
    context.push_back(
        resized(p.block(numbered("context", std::ssize(context)), pooled), levels[3]));
  }
  levels[3] = p.block("context_join", at::cat(context, 1));
  levels[2] = levels[2] + resized(levels[3], levels[2]);
  levels[1] = levels[1] + resized(levels[2], levels[1]);
  levels[0] = levels[0] + resized(levels[1], levels[0]);
  std::vector<torch::Tensor> joined;
  for (int i = 0; i < 3; ++i)
    joined.push_back(
        resized(p.block(numbered("smooth", i + 1), levels[std::size_t(i)]), levels[0]));
  joined.push_back(resized(levels[3], levels[0]));
  expect_close(head.forward(maps), p.conv("classes", p.block("fuse", at::cat(joined, 1))), "uper");
}

TEST(ProgressiveHead, IsFourConvolutionsEachHalfAsWideAndDoubled) {
  ProgressiveHead head(8, 64, 2);
  Parameters p(head, "");
  torch::Tensor x = noise({2, 8, 3, 3}, "map");
  const torch::Tensor out = head.forward(x);
  for (int i = 1; i <= 4; ++i) {
    x = p.block(numbered("stage", i), x);
    EXPECT_EQ(x.size(1), 128 >> i);
    x = at::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, false);
  }
  expect_close(out, p.conv("classes", x), "setr_pup");
}

TEST(SegmentationHead, UnlessItsFindingsExcludeTheRestEachHasItsOwnProbability) {
  SegmenterConfig config;
  config.names = {"a", "b"};
  config.layers = {4};
  config.channels = 8;
  const SegmentationHead head(config, vit(8));
  const torch::Tensor logits = noise({1, 2, 3, 3}, "logits");
  EXPECT_TRUE(head.probability(logits).equal(logits.sigmoid()));
}

TEST(YoloHead, IsThreeScalesOfWhichTheCoarserLeadTheFiner) {
  YoloHead head(8, 32, 2);
  Parameters p(head, "");
  const torch::Tensor map = noise({2, 8, 4, 4}, "map");
  const std::vector<torch::Tensor> outputs = head.forward(map);
  torch::Tensor lead;
  for (int i = 0; i < 3; ++i) {
    const std::string scale = numbered("scale", i + 1) + "_";
    torch::Tensor x = p.conv(scale + "input", map, i == 0 ? 2 : 1);
    EXPECT_EQ(x.size(1), 64 >> i);
    if (i == 2) x = at::upsample_bilinear2d(x, {8, 8}, false);
    const torch::Tensor inner = p.block(scale + "middle", p.block(scale + "reduce", x));
    x = at::relu(x + p.norm(scale + "norm", p.conv(scale + "expand", inner)));
    if (i > 0)
      x = at::cat(
          {at::upsample_nearest2d(p.block(scale + "lead", lead, 0.1), {x.size(2), x.size(3)}), x},
          1);
    for (int body = 1; body <= 6; ++body) {
      x = p.block(scale + numbered("body", body), x, 0.1);
      if (body == 5) lead = x;
    }
    const torch::Tensor out = p.conv(scale + "output", x);
    // Anchor by anchor: x, y, w, h, object, two findings.
    expect_close(outputs[std::size_t(i)],
                 out.view({2, 3, 7, out.size(2), out.size(3)}).permute({0, 1, 3, 4, 2}), scale);
  }
}

TEST(FcosHead, ReadsFindingsFromOneBranchAndBoxesFromTheOther) {
  FcosHead head(vit(8), {1, 2, 3, 4}, 16, 3);
  Parameters p(head, "");
  const std::vector<torch::Tensor> maps = four_maps(8, 4);
  const std::vector<torch::Tensor> levels = pyramid(p, maps);
  const std::vector<FcosLevel> outputs = head.forward(maps);
  for (std::size_t i = 0; i < 4; ++i) {
    const torch::Tensor finding = p.block("finding_block2", p.block("finding_block1", levels[i]));
    const torch::Tensor box = p.block("box_block2", p.block("box_block1", levels[i]));
    const double stride = 4.0 * (1 << i);
    EXPECT_EQ(outputs[i].stride, stride);
    expect_close(outputs[i].findings, p.conv("findings", finding), "findings");
    expect_close(outputs[i].centre, p.conv("centre", box), "centre");
    const torch::Tensor exponent =
        (p.conv("sides", box) * p.at("scales")[std::int64_t(i)]).clamp_max(8.0);
    expect_close(outputs[i].sides.log(), exponent + std::log(4 * stride), "sides");
  }
}

TEST(YoloAnchors, AreThoseOfCocoForTheSideOfTheImage) {
  const torch::Tensor whole = yolo_anchors(416), half = yolo_anchors(208);
  EXPECT_TRUE(whole[0].equal(torch::tensor({{116.0F, 90.0F}, {156.0F, 198.0F}, {373.0F, 326.0F}})));
  EXPECT_TRUE(whole[2].equal(torch::tensor({{10.0F, 13.0F}, {16.0F, 30.0F}, {33.0F, 23.0F}})));
  EXPECT_TRUE(torch::allclose(half * 2, whole));
}

TEST(DetectionHead, AYoloScoreIsTheObjectsForTheLikeliestFinding) {
  DetectorConfig config;
  config.names = {"a", "b"};
  config.head = "yolov3";
  config.layers = {4};
  config.channels = 32;
  const DetectionHead head(config, vit(8));
  DetectionHead::Output output;
  for (const std::int64_t side : {1, 2, 4})
    output.yolo.push_back(noise({2, 3, side, side, 7}, numbered("scale", side)));
  const BoxCandidates found = head.candidates(output, 1, 64);
  ASSERT_EQ(found.scores.size(0), 3 * (1 + 4 + 16));
  // The anchors of the coarsest scale come first.
  for (std::int64_t anchor = 0; anchor < 3; ++anchor) {
    const torch::Tensor own = output.yolo[0][1][anchor][0][0];
    const bool first = own[5].item<float>() > own[6].item<float>();
    EXPECT_NEAR(found.scores[anchor][first ? 0 : 1].item<double>(), own[4].sigmoid().item<double>(),
                1e-6);
    EXPECT_EQ(found.scores[anchor][first ? 1 : 0].item<double>(), 0);
  }
  EXPECT_GE(found.boxes.min().item<double>(), 0);
  EXPECT_LE(found.boxes.max().item<double>(), 64);
}

TEST(DetectionHead, AnAnchorFreeScoreIsTheMeanOfFindingAndCentreAndItsBoxIsAroundThePlace) {
  DetectorConfig config;
  config.names = {"a", "b"};
  config.layers = {1, 2, 3, 4};
  config.channels = 8;
  const DetectionHead head(config, vit(8));
  DetectionHead::Output output;
  output.levels = {
      {noise({2, 2, 2, 2}, "f"), torch::zeros({2, 4, 2, 2}), noise({2, 1, 2, 2}, "c"), 16.0}};
  // Left, top, right, bottom of the place in the second row and first column: (8, 24).
  for (std::int64_t i = 0; i < 4; ++i) output.levels[0].sides[1][i][1][0] = 1.0 + double(i);
  const BoxCandidates found = head.candidates(output, 1, 32);
  ASSERT_EQ(found.boxes.size(0), 4);
  EXPECT_TRUE(found.boxes[2].equal(torch::tensor({7.0F, 22.0F, 11.0F, 28.0F})));
  const double p = output.levels[0].findings[1][1][1][0].sigmoid().item<double>(),
               centre = output.levels[0].centre[1][0][1][0].sigmoid().item<double>();
  EXPECT_NEAR(found.scores[2][1].item<double>(), std::sqrt(p * centre), 1e-6);
}

}  // namespace
}  // namespace biplane
