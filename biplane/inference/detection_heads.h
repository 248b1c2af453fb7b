#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/inference/feature_pyramid.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// A head that draws boxes around findings in one view; a section of task.json.
struct DetectorConfig : DenseHeadConfig {
  DetectorConfig() { head = "vitdet"; }  // yolov3, vitdet

  double confidence = 0.05;  // score from which a box is kept
  double nms = 0.5;  // of two boxes of a finding with at least this IoU the better one is kept

  template <class V>
  void visit(V& v) {
    DenseHeadConfig::visit(v);
    v.field("confidence", confidence);
    v.field("nms", nms);
  }
};

// ---- Boxes: (N,4) left, top, right, bottom, pixels of the input ----

// IoU of every pair: (N,4), (M,4) -> (N,M).
torch::Tensor box_ious(const torch::Tensor& a, const torch::Tensor& b);
// Generalised IoU (Rezatofighi et al., 2019) of pairs: (N,4), (N,4) -> (N).
torch::Tensor generalised_iou(const torch::Tensor& a, const torch::Tensor& b);
// Places of the boxes that are left, by falling score (of equal ones the earlier first): each
// removes all later ones with an IoU of `threshold` or more.
std::vector<std::int64_t> suppress_overlaps(const torch::Tensor& boxes, const torch::Tensor& scores,
                                            double threshold);

// Boxes of one image that are kept, by falling score.
struct ImageBoxes {
  torch::Tensor boxes;     // (N,4)
  torch::Tensor scores;    // (N)
  torch::Tensor findings;  // (N) i64
};

// What a head says of one image before anything is left out.
struct BoxCandidates {
  torch::Tensor boxes;   // (N,4)
  torch::Tensor scores;  // (N,C) of each finding
};

// The candidates above the confidence after suppression finding by finding, the best `most` of
// them.
ImageBoxes keep_best_boxes(const BoxCandidates& candidates, const DetectorConfig& config,
                           std::int64_t most = 100);

// ---- YOLOv3 ----

// Width and height of the three anchors of each scale, from coarse to fine, pixels of an input of
// that side: those of COCO, which are for 416 pixels.
torch::Tensor yolo_anchors(std::int64_t side);  // (3,3,2)

// What the network gives for one anchor at one place: x, y, w, h, object, then the findings.
constexpr std::int64_t kYoloBox = 4, kYoloObject = 4, kYoloFindings = 5;

// YOLOv3 (Redmon and Farhadi, 2018) on one map of a transformer, from which three scales are made
// as ECAMP does: half as many places 2 c wide, as many c wide, twice as many c/2 wide, each with a
// bottleneck; c is 1,024 there. Where it has norms over the batch, these are group norms.
class YoloHead : public torch::nn::Module {
 public:
  YoloHead(std::int64_t in, std::int64_t channels, std::int64_t findings);
  // (B,in,h,w) -> of each scale from coarse to fine (B, 3 anchors, h, w, 5 + C).
  std::vector<torch::Tensor> forward(const torch::Tensor& map) const;
  void initialise(const Initializer& init);

 private:
  struct Bottleneck {
    std::shared_ptr<ConvBlock> reduce, middle;
    std::shared_ptr<Conv2d> expand;
    std::shared_ptr<MapNorm> norm;
    torch::Tensor forward(const torch::Tensor& x) const;
  };
  struct Scale {
    std::shared_ptr<Conv2d> input;
    Bottleneck bottleneck;
    std::shared_ptr<ConvBlock> lead;               // from the coarser scale, or null
    std::vector<std::shared_ptr<ConvBlock>> body;  // six
    std::shared_ptr<Conv2d> output;
  };

  std::int64_t attributes_;
  std::vector<Scale> scales_;
};

// Boxes (..., 4) of one scale's output (B,A,h,w,5+C); anchors (A,2).
torch::Tensor decode_yolo(const torch::Tensor& output, const torch::Tensor& anchors,
                          std::int64_t side);

// ---- ViTDet's pyramid with an anchor-free head ----

// One level of a pyramid.
struct FcosLevel {
  torch::Tensor findings;  // (B,C,h,w) logits
  torch::Tensor sides;     // (B,4,h,w) distances to left, top, right, bottom, pixels, above 0
  torch::Tensor centre;    // (B,1,h,w) logit of how central a place is in its box
  double stride = 0;       // pixels
};

// FCOS (Tian et al., 2019) on the simple feature pyramid.
class FcosHead : public torch::nn::Module {
 public:
  FcosHead(const TowerConfig& tower, const std::vector<std::int64_t>& layers, std::int64_t channels,
           std::int64_t findings);
  std::vector<FcosLevel> forward(const std::vector<torch::Tensor>& maps) const;
  void initialise(const Initializer& init);

 private:
  std::shared_ptr<FeaturePyramid> pyramid_;
  std::vector<std::shared_ptr<ConvBlock>> finding_blocks_, box_blocks_;
  std::shared_ptr<Conv2d> findings_, sides_, centre_;
  torch::Tensor scales_;  // (levels), of the distances
};

// Centres (h w, 2) of a level's places, x and y, row by row.
torch::Tensor level_places(const FcosLevel& level);

// ---- Either ----

class DetectionHead : public torch::nn::Module {
 public:
  // Throws Error kUsage for layers that the head cannot stand on.
  DetectionHead(const DetectorConfig& config, const TowerConfig& tower);
  // What the losses need; of the other head empty.
  struct Output {
    std::vector<torch::Tensor> yolo;
    std::vector<FcosLevel> levels;
  };
  Output forward(const std::vector<torch::Tensor>& maps) const;
  // Candidates of one image of the batch.
  BoxCandidates candidates(const Output& output, std::int64_t image, std::int64_t side) const;
  void initialise(const Initializer& init);

 private:
  std::shared_ptr<YoloHead> yolo_;  // one of these two
  std::shared_ptr<FcosHead> fcos_;
};

}  // namespace biplane
