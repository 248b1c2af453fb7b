#include "biplane/inference/detection_heads.h"

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/model/image_tower.h"

namespace biplane {
namespace {

constexpr int kScales = 3, kBodyBlocks = 6, kLeadAfter = 5;
constexpr std::int64_t kAnchors = 3, kExpansion = 4;
constexpr double kLeak = 0.1, kOutputStd = 0.01, kAnchorSide = 416.0;
constexpr int kFcosBlocks = 2;
constexpr double kRareLogit = -4.6;  // probability of 0.01: places without a finding are many
constexpr double kLargestExponent = 8.0;

torch::Tensor area(const torch::Tensor& boxes) {
  return (boxes.select(-1, 2) - boxes.select(-1, 0)) * (boxes.select(-1, 3) - boxes.select(-1, 1));
}

// Area that two boxes share, broadcast over the leading dimensions.
torch::Tensor shared_area(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor low = at::maximum(a.slice(-1, 0, 2), b.slice(-1, 0, 2)),
                      high = at::minimum(a.slice(-1, 2, 4), b.slice(-1, 2, 4));
  return (high - low).clamp_min(0).prod(-1);
}

}  // namespace

torch::Tensor box_ious(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor both = shared_area(a.unsqueeze(1), b.unsqueeze(0));
  return both / (area(a).unsqueeze(1) + area(b).unsqueeze(0) - both).clamp_min(1e-9);
}

torch::Tensor generalised_iou(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor both = shared_area(a, b), either = (area(a) + area(b) - both).clamp_min(1e-9);
  const torch::Tensor low = at::minimum(a.slice(-1, 0, 2), b.slice(-1, 0, 2)),
                      high = at::maximum(a.slice(-1, 2, 4), b.slice(-1, 2, 4));
  const torch::Tensor hull = (high - low).prod(-1).clamp_min(1e-9);
  return both / either - (hull - either) / hull;
}

std::vector<std::int64_t> suppress_overlaps(const torch::Tensor& boxes, const torch::Tensor& scores,
                                            double threshold) {
  const torch::Tensor order = std::get<1>(at::sort(scores, /*stable=*/true, 0, true));
  const torch::Tensor sorted = boxes.index_select(0, order);
  const torch::Tensor close = box_ious(sorted, sorted).ge(threshold).contiguous();
  const bool* overlaps = close.const_data_ptr<bool>();
  const auto* places = order.const_data_ptr<std::int64_t>();
  const std::int64_t count = boxes.size(0);
  std::vector<bool> gone(static_cast<std::size_t>(count), false);
  std::vector<std::int64_t> left;
  for (std::int64_t i = 0; i < count; ++i) {
    if (gone[static_cast<std::size_t>(i)]) continue;
    left.push_back(places[i]);
    for (std::int64_t j = i + 1; j < count; ++j)
      if (overlaps[i * count + j]) gone[static_cast<std::size_t>(j)] = true;
  }
  return left;
}

ImageBoxes keep_best_boxes(const BoxCandidates& candidates, const DetectorConfig& config,
                           std::int64_t most) {
  constexpr std::int64_t kConsidered = 1000;  // of each finding, so that pairs stay few
  std::vector<torch::Tensor> boxes, scores, findings;
  for (std::int64_t finding = 0; finding < candidates.scores.size(1); ++finding) {
    torch::Tensor own = candidates.scores.select(1, finding);
    torch::Tensor rows = own.ge(config.confidence).nonzero().squeeze(1);
    if (rows.size(0) > kConsidered)
      rows = rows.index_select(
          0, std::get<1>(own.index_select(0, rows).topk(kConsidered, 0, true, true)));
    own = own.index_select(0, rows);
    const torch::Tensor places = candidates.boxes.index_select(0, rows);
    const std::vector<std::int64_t> left = suppress_overlaps(places, own, config.nms);
    const torch::Tensor kept = torch::tensor(at::ArrayRef<std::int64_t>(left), torch::kInt64);
    boxes.push_back(places.index_select(0, kept));
    scores.push_back(own.index_select(0, kept));
    findings.push_back(torch::full({kept.size(0)}, finding, torch::kInt64));
  }
  const torch::Tensor all = at::cat(scores);
  const torch::Tensor order =
      std::get<1>(at::sort(all, /*stable=*/true, 0, true)).slice(0, 0, most);
  return {at::cat(boxes).index_select(0, order), all.index_select(0, order),
          at::cat(findings).index_select(0, order)};
}

torch::Tensor yolo_anchors(std::int64_t side) {
  return torch::tensor({116.0F, 90.0F, 156.0F, 198.0F, 373.0F, 326.0F, 30.0F, 61.0F, 62.0F, 45.0F,
                        59.0F, 119.0F, 10.0F, 13.0F, 16.0F, 30.0F, 33.0F, 23.0F})
             .view({kScales, kAnchors, 2}) *
         (static_cast<double>(side) / kAnchorSide);
}

torch::Tensor YoloHead::Bottleneck::forward(const torch::Tensor& x) const {
  return at::relu(x + norm->forward(expand->forward(middle->forward(reduce->forward(x)))));
}

YoloHead::YoloHead(std::int64_t in, std::int64_t channels, std::int64_t findings)
    : attributes_(kYoloFindings + findings) {
  for (int i = 0; i < kScales; ++i) {
    // 2 c, c and c / 2 wide; YOLO's own blocks are a quarter and half as wide.
    const std::int64_t width = 2 * channels >> i, narrow = width / 4;
    const std::string prefix = numbered("scale", i + 1) + "_";
    Scale scale;
    scale.input =
        register_module(prefix + "input", std::make_shared<Conv2d>(in, width, 1, i == 0 ? 2 : 1));
    scale.bottleneck.reduce = register_module(
        prefix + "reduce", std::make_shared<ConvBlock>(width, width / kExpansion, 1));
    scale.bottleneck.middle = register_module(
        prefix + "middle", std::make_shared<ConvBlock>(width / kExpansion, width / kExpansion, 3));
    scale.bottleneck.expand = register_module(
        prefix + "expand", std::make_shared<Conv2d>(width / kExpansion, width, 1, 1, false));
    scale.bottleneck.norm = register_module(prefix + "norm", std::make_shared<MapNorm>(width));
    std::int64_t wide = width;
    if (i > 0) {
      scale.lead = register_module(prefix + "lead",
                                   std::make_shared<ConvBlock>(2 * narrow, narrow, 1, 1, kLeak));
      wide += narrow;
    }
    for (int block = 0; block < kBodyBlocks; ++block) {
      const bool odd = block % 2 == 1;
      const std::int64_t out = odd ? 2 * narrow : narrow;
      scale.body.push_back(
          register_module(prefix + numbered("body", block + 1),
                          std::make_shared<ConvBlock>(wide, out, odd ? 3 : 1, 1, kLeak)));
      wide = out;
    }
    scale.output = register_module(prefix + "output",
                                   std::make_shared<Conv2d>(wide, kAnchors * attributes_, 1));
    scales_.push_back(std::move(scale));
  }
}

std::vector<torch::Tensor> YoloHead::forward(const torch::Tensor& map) const {
  std::vector<torch::Tensor> outputs;
  torch::Tensor lead;  // of the coarser scale
  for (std::size_t i = 0; i < scales_.size(); ++i) {
    const Scale& scale = scales_[i];
    torch::Tensor x = scale.input->forward(map);
    if (i + 1 == scales_.size()) x = resize_map(x, 2 * x.size(2), 2 * x.size(3));
    x = scale.bottleneck.forward(x);
    if (scale.lead)
      x = at::cat({at::upsample_nearest2d(scale.lead->forward(lead), {x.size(2), x.size(3)}), x},
                  1);
    for (int block = 0; block < kBodyBlocks; ++block) {
      x = scale.body[static_cast<std::size_t>(block)]->forward(x);
      if (block + 1 == kLeadAfter) lead = x;
    }
    const torch::Tensor out = scale.output->forward(x);
    outputs.push_back(out.view({out.size(0), kAnchors, attributes_, out.size(2), out.size(3)})
                          .permute({0, 1, 3, 4, 2}));
  }
  return outputs;
}

void YoloHead::initialise(const Initializer& init) {
  for (int i = 0; i < kScales; ++i) {
    const Scale& scale = scales_[static_cast<std::size_t>(i)];
    const Initializer own = init.child(numbered("scale", i + 1));
    scale.input->initialise(own.child("input"));
    scale.bottleneck.reduce->initialise(own.child("reduce"));
    scale.bottleneck.middle->initialise(own.child("middle"));
    scale.bottleneck.expand->initialise(own.child("expand"));
    if (scale.lead) scale.lead->initialise(own.child("lead"));
    for (int block = 0; block < kBodyBlocks; ++block)
      scale.body[static_cast<std::size_t>(block)]->initialise(
          own.child(numbered("body", block + 1)));
    scale.output->initialise(own.child("output"), kOutputStd, 0.0);
  }
}

torch::Tensor decode_yolo(const torch::Tensor& output, const torch::Tensor& anchors,
                          std::int64_t side) {
  const std::int64_t rows = output.size(2), columns = output.size(3);
  const auto stride = [&](std::int64_t cells) {
    return static_cast<double>(side) / static_cast<double>(cells);
  };
  const auto options = output.options();
  const torch::Tensor x = (output.select(-1, 0).sigmoid() + torch::arange(columns, options)) *
                          stride(columns),
                      y = (output.select(-1, 1).sigmoid() +
                           torch::arange(rows, options).view({rows, 1})) *
                          stride(rows);
  const torch::Tensor size = output.slice(-1, 2, 4).clamp_max(kLargestExponent).exp() *
                             anchors.to(options).view({1, -1, 1, 1, 2}) / 2;
  const torch::Tensor w = size.select(-1, 0), h = size.select(-1, 1);
  return at::stack({x - w, y - h, x + w, y + h}, -1);
}

FcosHead::FcosHead(const TowerConfig& tower, const std::vector<std::int64_t>& layers,
                   std::int64_t channels, std::int64_t findings) {
  pyramid_ = register_module("pyramid", std::make_shared<FeaturePyramid>(tower, layers, channels));
  for (int i = 0; i < kFcosBlocks; ++i) {
    finding_blocks_.push_back(register_module(numbered("finding_block", i + 1),
                                              std::make_shared<ConvBlock>(channels, channels, 3)));
    box_blocks_.push_back(register_module(numbered("box_block", i + 1),
                                          std::make_shared<ConvBlock>(channels, channels, 3)));
  }
  findings_ = register_module("findings", std::make_shared<Conv2d>(channels, findings, 3));
  sides_ = register_module("sides", std::make_shared<Conv2d>(channels, 4, 3));
  centre_ = register_module("centre", std::make_shared<Conv2d>(channels, 1, 3));
  scales_ = register_parameter(
      "scales", torch::ones({static_cast<std::int64_t>(pyramid_->strides().size())}));
}

std::vector<FcosLevel> FcosHead::forward(const std::vector<torch::Tensor>& maps) const {
  const std::vector<torch::Tensor> pyramid = pyramid_->forward(maps);
  std::vector<FcosLevel> levels;
  for (std::size_t i = 0; i < pyramid.size(); ++i) {
    torch::Tensor finding = pyramid[i], box = pyramid[i];
    for (const auto& block : finding_blocks_) finding = block->forward(finding);
    for (const auto& block : box_blocks_) box = block->forward(box);
    FcosLevel level;
    level.stride = pyramid_->strides()[i];
    level.findings = findings_->forward(finding);
    level.centre = centre_->forward(box);
    // A place of this level is for boxes whose sides are about four strides away.
    level.sides = (sides_->forward(box) * scales_[static_cast<std::int64_t>(i)])
                      .clamp_max(kLargestExponent)
                      .exp() *
                  (4 * level.stride);
    levels.push_back(std::move(level));
  }
  return levels;
}

void FcosHead::initialise(const Initializer& init) {
  pyramid_->initialise(init.child("pyramid"));
  for (int i = 0; i < kFcosBlocks; ++i) {
    const auto own = static_cast<std::size_t>(i);
    finding_blocks_[own]->initialise(init.child(numbered("finding_block", i + 1)));
    box_blocks_[own]->initialise(init.child(numbered("box_block", i + 1)));
  }
  findings_->initialise(init.child("findings"), kOutputStd, kRareLogit);
  sides_->initialise(init.child("sides"), kOutputStd, 0.0);
  centre_->initialise(init.child("centre"), kOutputStd, 0.0);
}

torch::Tensor level_places(const FcosLevel& level) {
  const auto options = level.sides.options().requires_grad(false);
  const std::int64_t rows = level.sides.size(2), columns = level.sides.size(3);
  const torch::Tensor x = (torch::arange(columns, options) + 0.5) * level.stride,
                      y = (torch::arange(rows, options) + 0.5) * level.stride;
  return at::stack({x.repeat({rows}), y.repeat_interleave(columns)}, 1);
}

DetectionHead::DetectionHead(const DetectorConfig& config, const TowerConfig& tower) {
  const auto findings = static_cast<std::int64_t>(config.names.size());
  if (config.head == "vitdet") {
    fcos_ = register_module(
        "fcos", std::make_shared<FcosHead>(tower, config.layers, config.channels, findings));
    return;
  }
  if (config.layers.size() != 1)
    throw Error(ErrorKind::kUsage, "dense.layers: yolov3 stands on one layer");
  yolo_ =
      register_module("yolo", std::make_shared<YoloHead>(map_shape(tower, config.layers[0]).width,
                                                         config.channels, findings));
}

DetectionHead::Output DetectionHead::forward(const std::vector<torch::Tensor>& maps) const {
  Output output;
  if (yolo_) {
    output.yolo = yolo_->forward(maps.front());
  } else {
    output.levels = fcos_->forward(maps);
  }
  return output;
}

BoxCandidates DetectionHead::candidates(const Output& output, std::int64_t image,
                                        std::int64_t side) const {
  std::vector<torch::Tensor> boxes, scores;
  const torch::Tensor anchors = yolo_anchors(side);
  for (std::size_t i = 0; i < output.yolo.size(); ++i) {
    const torch::Tensor own = output.yolo[i].narrow(0, image, 1);
    const torch::Tensor findings = own.slice(-1, kYoloFindings).sigmoid();
    // The score is the object's; it counts for the likeliest finding.
    const torch::Tensor best = findings.eq(findings.amax({-1}, true));
    boxes.push_back(decode_yolo(own, anchors[static_cast<std::int64_t>(i)], side).reshape({-1, 4}));
    scores.push_back((own.select(-1, kYoloObject).sigmoid().unsqueeze(-1) * best)
                         .reshape({-1, findings.size(-1)}));
  }
  for (const FcosLevel& level : output.levels) {
    const torch::Tensor places = level_places(level), sides = level.sides[image].flatten(1).t();
    boxes.push_back(at::cat({places - sides.slice(1, 0, 2), places + sides.slice(1, 2, 4)}, 1));
    scores.push_back((level.findings[image].flatten(1).t().sigmoid() *
                      level.centre[image].flatten(1).t().sigmoid())
                         .sqrt());
  }
  return {at::cat(boxes).clamp(0.0, static_cast<double>(side)), at::cat(scores)};
}

void DetectionHead::initialise(const Initializer& init) {
  if (yolo_) yolo_->initialise(init.child("yolo"));
  if (fcos_) fcos_->initialise(init.child("fcos"));
}

}  // namespace biplane
