#include "biplane/tasks/detection_loss.h"

#include <algorithm>
#include <cmath>

#include "biplane/tasks/split_step.h"

namespace biplane {
namespace {

constexpr double kIgnoreIou = 0.5, kNoneWeight = 0.5, kCoordinateWeight = 2.5;
constexpr std::int64_t kYoloTerms = 7;
constexpr double kFar = 8.0, kMiddle = 1.5;  // strides
constexpr double kAlpha = 0.25;

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& truth) {
  return at::binary_cross_entropy_with_logits(logits, truth, {}, {}, at::Reduction::None);
}

// IoU of two rectangles with the same corner.
double shape_iou(double w, double h, double other_w, double other_h) {
  const double both = std::min(w, other_w) * std::min(h, other_h);
  return both / (w * h + other_w * other_h - both);
}

// One box of image `b` among the targets of a scale.
void teach(const FindingBox& truth, std::int64_t b, const torch::Tensor& anchors, std::int64_t side,
           YoloTargets& targets) {
  const std::int64_t rows = targets.object.size(2), columns = targets.object.size(3);
  const auto pixels = static_cast<double>(side);
  const DetectionBox& box = truth.box;
  const double x = (box.x + box.w / 2) / pixels * static_cast<double>(columns),
               y = (box.y + box.h / 2) / pixels * static_cast<double>(rows);
  const auto column = std::min(static_cast<std::int64_t>(x), columns - 1),
             row = std::min(static_cast<std::int64_t>(y), rows - 1);
  std::int64_t best = 0;
  double highest = -1;
  for (std::int64_t a = 0; a < anchors.size(0); ++a) {
    const double iou =
        shape_iou(box.w, box.h, anchors[a][0].item<double>(), anchors[a][1].item<double>());
    if (iou > kIgnoreIou) targets.none[b][a][row][column] = 0;
    if (iou <= highest) continue;
    highest = iou;
    best = a;
  }
  targets.none[b][best][row][column] = 0;
  targets.object[b][best][row][column] = 1;
  const torch::Tensor place = targets.box[b][best][row][column];
  place[0] = x - static_cast<double>(column);
  place[1] = y - static_cast<double>(row);
  place[2] = std::log(box.w / anchors[best][0].item<double>());
  place[3] = std::log(box.h / anchors[best][1].item<double>());
  targets.findings[b][best][row][column][truth.finding] = 1;
}

torch::Tensor yolo_scale_terms(const torch::Tensor& output, const YoloTargets& targets) {
  const torch::Tensor there = targets.object.unsqueeze(-1);
  const torch::Tensor object = output.select(-1, kYoloObject);
  const auto sum = [](const torch::Tensor& x) { return x.sum().view({1}); };
  const torch::Tensor findings = output.slice(-1, kYoloFindings);
  return at::cat({sum(cross_entropy(output.slice(-1, 0, 2), targets.box.slice(-1, 0, 2)) * there),
                  sum((output.slice(-1, 2, 4) - targets.box.slice(-1, 2, 4)).square() * there),
                  sum(cross_entropy(object, torch::ones_like(object)) * targets.object),
                  sum(cross_entropy(object, torch::zeros_like(object)) * targets.none),
                  sum(cross_entropy(findings, targets.findings) * there),
                  number_term(static_cast<double>(object.numel()), output),
                  number_term(static_cast<double>(findings.numel()), output)});
}

// Boxes of an image as corners (N,4) with their findings and areas.
struct Corners {
  torch::Tensor boxes, findings, areas;
};

Corners corners_of(const std::vector<FindingBox>& truth) {
  std::vector<float> values;
  std::vector<std::int64_t> findings;
  for (const FindingBox& one : truth) {
    const DetectionBox& box = one.box;
    for (const double value : {box.x, box.y, box.x + box.w, box.y + box.h})
      values.push_back(static_cast<float>(value));
    findings.push_back(one.finding);
  }
  const auto count = static_cast<std::int64_t>(truth.size());
  Corners corners;
  corners.boxes = torch::tensor(at::ArrayRef<float>(values)).view({count, 4});
  corners.findings = torch::tensor(at::ArrayRef<std::int64_t>(findings));
  corners.areas = (corners.boxes.select(1, 2) - corners.boxes.select(1, 0)) *
                  (corners.boxes.select(1, 3) - corners.boxes.select(1, 1));
  return corners;
}

// Which box each place of a level is taught, and whether any: (P) i64, (P) bool.
std::pair<torch::Tensor, torch::Tensor> assign(const torch::Tensor& places, const Corners& truth,
                                               double stride, double low, double high) {
  const torch::Tensor at = places.unsqueeze(1);  // (P,1,2)
  const torch::Tensor sides =
      at::cat({at - truth.boxes.slice(1, 0, 2), truth.boxes.slice(1, 2, 4) - at}, 2);
  const torch::Tensor middle = (truth.boxes.slice(1, 0, 2) + truth.boxes.slice(1, 2, 4)) / 2;
  const torch::Tensor far = sides.amax({2});
  const torch::Tensor good = sides.amin({2}).gt(0) &
                             (at - middle).abs().amax({2}).le(kMiddle * stride) & far.gt(low) &
                             far.le(high);
  const torch::Tensor area = truth.areas.unsqueeze(0).expand_as(far).masked_fill(~good, INFINITY);
  return {area.argmin(1), good.any(1)};
}

void teach(const FcosLevel& level, const Corners& truth, std::int64_t image, double low,
           double high, FcosTargets& targets) {
  const torch::Tensor places = level_places(level);
  const auto [box, any] = assign(places, truth, level.stride, low, high);
  const torch::Tensor rows = any.nonzero().squeeze(1);
  if (rows.size(0) == 0) return;
  const torch::Tensor own = box.index_select(0, rows);
  const torch::Tensor corners = truth.boxes.index_select(0, own), at = places.index_select(0, rows);
  const torch::Tensor sides =
      at::cat({at - corners.slice(1, 0, 2), corners.slice(1, 2, 4) - at}, 1);
  const auto ratio = [&](std::int64_t a, std::int64_t b) {
    return at::minimum(sides.select(1, a), sides.select(1, b)) /
           at::maximum(sides.select(1, a), sides.select(1, b));
  };
  targets.positive[image].index_fill_(0, rows, true);
  targets.sides[image].index_copy_(0, rows, sides);
  targets.centre[image].index_copy_(0, rows, (ratio(0, 2) * ratio(1, 3)).sqrt());
  targets.findings[image].index_put_({rows, truth.findings.index_select(0, own)},
                                     torch::ones({rows.size(0)}));
}

torch::Tensor focal_sum(const torch::Tensor& logits, const torch::Tensor& truth) {
  const torch::Tensor p = logits.sigmoid(), wrong = p + truth - 2 * p * truth;
  const torch::Tensor alpha = kAlpha * truth + (1 - kAlpha) * (1 - truth);
  return (alpha * wrong.square() * cross_entropy(logits, truth)).sum();
}

// (B,K,h,w) -> (B,P,K)
torch::Tensor by_place(const torch::Tensor& map) { return map.flatten(2).transpose(1, 2); }

torch::Tensor fcos_level_terms(const FcosLevel& level, const FcosTargets& targets) {
  const torch::Tensor focal = focal_sum(by_place(level.findings), targets.findings);
  const torch::Tensor centre =
      cross_entropy(by_place(level.centre).squeeze(2), targets.centre) * targets.positive;
  const torch::Tensor places = level_places(level).unsqueeze(0);
  const auto corners = [&](const torch::Tensor& sides) {
    return at::cat({places - sides.slice(2, 0, 2), places + sides.slice(2, 2, 4)}, 2);
  };
  const torch::Tensor overlap =
      generalised_iou(corners(by_place(level.sides)), corners(targets.sides));
  return at::stack({focal, ((1 - overlap) * targets.centre).sum(), targets.centre.sum(),
                    centre.sum(), targets.positive.sum().to(torch::kFloat32)});
}

}  // namespace

YoloTargets yolo_targets(const torch::Tensor& output, const torch::Tensor& anchors,
                         const BatchBoxes& truth, std::int64_t side) {
  const std::vector<std::int64_t> shape = output.sizes().slice(0, 4).vec();
  const auto with = [&](std::int64_t last) {
    std::vector<std::int64_t> longer = shape;
    longer.push_back(last);
    return torch::zeros(longer);
  };
  YoloTargets targets{torch::zeros(shape), torch::ones(shape), with(4),
                      with(output.size(4) - kYoloFindings)};
  for (std::size_t b = 0; b < truth.size(); ++b) {
    for (const FindingBox& box : truth[b])
      teach(box, static_cast<std::int64_t>(b), anchors, side, targets);
  }
  return targets;
}

torch::Tensor yolo_terms(const std::vector<torch::Tensor>& outputs, const BatchBoxes& truth,
                         std::int64_t side) {
  const torch::Tensor anchors = yolo_anchors(side);
  std::vector<torch::Tensor> terms;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    terms.push_back(yolo_scale_terms(
        outputs[i], yolo_targets(outputs[i], anchors[static_cast<std::int64_t>(i)], truth, side)));
  return at::cat(terms);
}

torch::Tensor yolo_loss(const torch::Tensor& terms) {
  const torch::Tensor scales = terms.view({-1, kYoloTerms});
  const auto term = [&](std::int64_t i) { return scales.select(1, i); };
  const torch::Tensor boxes = kCoordinateWeight * (term(0) + term(1)),
                      objects = term(2) + kNoneWeight * term(3);
  return ((boxes + objects) / term(5) + term(4) / term(6)).sum();
}

std::vector<FcosTargets> fcos_targets(const std::vector<FcosLevel>& levels,
                                      const BatchBoxes& truth) {
  std::vector<FcosTargets> all;
  const auto images = static_cast<std::int64_t>(truth.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const FcosLevel& level = levels[i];
    const std::int64_t places = level.sides.size(2) * level.sides.size(3);
    FcosTargets targets{torch::zeros({images, places, level.findings.size(1)}),
                        torch::zeros({images, places}, torch::kBool),
                        torch::ones({images, places, 4}), torch::zeros({images, places})};
    // From where the level before ends, whatever the step between their strides.
    const double low = i == 0 ? 0.0 : kFar * levels[i - 1].stride,
                 high = i + 1 == levels.size() ? INFINITY : kFar * level.stride;
    for (std::int64_t b = 0; b < images; ++b) {
      const std::vector<FindingBox>& own = truth[static_cast<std::size_t>(b)];
      if (!own.empty()) teach(level, corners_of(own), b, low, high, targets);
    }
    all.push_back(std::move(targets));
  }
  return all;
}

torch::Tensor fcos_terms(const std::vector<FcosLevel>& levels, const BatchBoxes& truth) {
  const std::vector<FcosTargets> targets = fcos_targets(levels, truth);
  torch::Tensor sum;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const torch::Tensor own = fcos_level_terms(levels[i], targets[i]);
    sum = sum.defined() ? sum + own : own;
  }
  return sum;
}

torch::Tensor fcos_loss(const torch::Tensor& terms) {
  const torch::Tensor positives = terms[4].clamp_min(1);
  return (terms[0] + terms[3]) / positives + terms[1] / terms[2].clamp_min(1e-6);
}

}  // namespace biplane
