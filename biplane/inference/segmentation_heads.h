#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/inference/feature_pyramid.h"
#include "biplane/nn/dropout.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// A head that tells of every pixel of one view which findings it shows; a section of task.json.
struct SegmenterConfig : DenseHeadConfig {
  SegmenterConfig() { head = "setr_pup"; }  // setr_pup, upernet

  bool exclusive = false;  // of a single finding: softmax over background and finding
  bool auxiliary = false;  // has a second, small head that helped to train
  // Of the auxiliary head: the one of `layers` that it stands on (0: the last), its width (0: that
  // of the head).
  std::int64_t auxiliary_layer = 0, auxiliary_channels = 0;
  std::vector<double> thresholds;  // probability of each finding from which a pixel is inside
  std::int64_t batch = 1;          // images that a published figure takes a mean of

  template <class V>
  void visit(V& v) {
    DenseHeadConfig::visit(v);
    v.field("exclusive", exclusive);
    v.field("auxiliary", auxiliary);
    v.field("auxiliary_layer", auxiliary_layer);
    v.field("auxiliary_channels", auxiliary_channels);
    v.field("thresholds", thresholds);
    v.field("batch", batch);
  }
};

struct SegmentationLogits {
  torch::Tensor main;       // (B,K,side,side), K findings, or background and finding
  torch::Tensor auxiliary;  // the same; undefined without an auxiliary head
};

// `dropout` of the heads below, if set, zeroes whole channels before the last convolution.

// SETR-PUP (Zheng et al., "Rethinking semantic segmentation from a sequence-to-sequence perspective
// with transformers", 2021): a 3x3 convolution and twice the size, four times, each half as wide as
// the one before; on one layer.
class ProgressiveHead : public torch::nn::Module {
 public:
  ProgressiveHead(std::int64_t in, std::int64_t channels, std::int64_t outputs);
  // (B,in,h,w) -> (B,outputs,16h,16w)
  torch::Tensor forward(torch::Tensor x, const KeyedDropout* dropout = nullptr) const;
  void initialise(const Initializer& init);

 private:
  std::vector<std::shared_ptr<ConvBlock>> stages_;
  std::shared_ptr<Conv2d> classes_;
};

// UperNet (Xiao et al., "Unified perceptual parsing for scene understanding", 2018): pooled context
// of the coarsest map, a feature pyramid from coarse to fine, all its levels joined at the finest.
class UperHead : public torch::nn::Module {
 public:
  UperHead(const TowerConfig& tower, const std::vector<std::int64_t>& layers, std::int64_t channels,
           std::int64_t outputs);
  // maps of the layers -> (B,outputs,h,w) of the finest level
  torch::Tensor forward(const std::vector<torch::Tensor>& maps,
                        const KeyedDropout* dropout = nullptr) const;
  void initialise(const Initializer& init);

 private:
  torch::Tensor with_context(const torch::Tensor& coarsest) const;

  std::shared_ptr<FeaturePyramid> pyramid_;
  std::vector<std::shared_ptr<ConvBlock>> context_;  // of each pooled size
  std::shared_ptr<ConvBlock> context_join_;
  std::vector<std::shared_ptr<ConvBlock>> smooth_;  // of each level but the coarsest
  std::shared_ptr<ConvBlock> fuse_;
  std::shared_ptr<Conv2d> classes_;
};

// A convolution and a classification of each place of one map.
class AuxiliaryHead : public torch::nn::Module {
 public:
  AuxiliaryHead(std::int64_t in, std::int64_t channels, std::int64_t outputs);
  torch::Tensor forward(const torch::Tensor& map, const KeyedDropout* dropout = nullptr) const;
  void initialise(const Initializer& init);

 private:
  std::shared_ptr<ConvBlock> block_;
  std::shared_ptr<Conv2d> classes_;
};

class SegmentationHead : public torch::nn::Module {
 public:
  // Throws Error kUsage for layers that the head cannot stand on.
  SegmentationHead(const SegmenterConfig& config, const TowerConfig& tower);
  // maps of config.layers; side: of the square image. The auxiliary head is run only in training.
  SegmentationLogits forward(const std::vector<torch::Tensor>& maps, std::int64_t side,
                             const KeyedDropout* dropout = nullptr) const;
  // (B,K,...) logits -> (B,C,...) probability of each finding.
  torch::Tensor probability(const torch::Tensor& logits) const;
  void initialise(const Initializer& init);

 private:
  bool exclusive_;
  std::shared_ptr<ProgressiveHead> progressive_;  // one of these two
  std::shared_ptr<UperHead> uper_;
  std::shared_ptr<AuxiliaryHead> auxiliary_;  // or null
  std::size_t auxiliary_map_ = 0;             // of the maps, the one that it reads
};

}  // namespace biplane
