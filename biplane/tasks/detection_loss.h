#pragma once

#include <cstdint>
#include <vector>

#include "biplane/eval/dense_truth.h"
#include "biplane/inference/detection_heads.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Losses of detection heads as functions of sums (tasks/split_step.h).

// True boxes of each image of a batch, pixels of its square side.
using BatchBoxes = std::vector<std::vector<FindingBox>>;

// ---- YOLOv3 ----

// What one scale is taught.
struct YoloTargets {
  torch::Tensor object;    // (B,A,h,w) 1 where an anchor is responsible for a box
  torch::Tensor none;      // (B,A,h,w) 1 where it must say that there is nothing
  torch::Tensor box;       // (B,A,h,w,4) x, y within the cell, log of w, h against the anchor
  torch::Tensor findings;  // (B,A,h,w,C)
};

// Of each box the anchor of this scale whose shape has the highest IoU with it is responsible, in
// the cell of its centre; others there with an IoU above 0.5 are neither taught nor punished.
YoloTargets yolo_targets(const torch::Tensor& output, const torch::Tensor& anchors,
                         const BatchBoxes& truth, std::int64_t side);

// (3 * 7): of each scale the sums of the losses of x and y (binary cross-entropy), w and h
// (squares), object, none and findings (binary cross-entropy), and the anchors and the anchors
// times findings they are sums over.
torch::Tensor yolo_terms(const std::vector<torch::Tensor>& outputs, const BatchBoxes& truth,
                         std::int64_t side);
// As MGCA and ECAMP train it: of each scale means over all its anchors, places away from boxes
// counting half and coordinates 2.5 times.
torch::Tensor yolo_loss(const torch::Tensor& terms);

// ---- FCOS ----

// What one level is taught.
struct FcosTargets {
  torch::Tensor findings;  // (B,P,C) 1 at places near the centre of a box
  torch::Tensor positive;  // (B,P) bool
  torch::Tensor sides;     // (B,P,4), 1 where not positive
  torch::Tensor centre;    // (B,P) how central a place is, 0 .. 1
};

// A place is taught the smallest of the boxes that it lies in, at most 1.5 strides from the middle,
// and whose farthest side is 4 to 8 strides away (the first and the last level: also nearer and
// farther ones).
std::vector<FcosTargets> fcos_targets(const std::vector<FcosLevel>& levels,
                                      const BatchBoxes& truth);

// (5): sums of the focal loss (alpha 0.25, gamma 2), of 1 - GIoU weighted by how central a place
// is, of these weights, of the cross-entropy of the centre, and the number of positive places.
torch::Tensor fcos_terms(const std::vector<FcosLevel>& levels, const BatchBoxes& truth);
torch::Tensor fcos_loss(const torch::Tensor& terms);

}  // namespace biplane
