#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "biplane/inference/segmentation_heads.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Losses as functions of sums over pixels, so that a batch may be divided among threads: the terms
// of its parts add up, and the loss is a function of their sum (tasks/split_step.h).

// MGCA's segmentation loss, 10 focal - log Dice. logits and truth (B,C,H,W), truth 0 or 1 -> (2 +
// 2C): sum of the focal loss with exponent 2, pixels, and of each finding sum p t and sum p + t.
torch::Tensor focal_dice_terms(const torch::Tensor& logits, const torch::Tensor& truth);
// 10 times the mean focal loss less the mean over findings of log((2 I + 1) / (S + 1)).
torch::Tensor focal_dice_loss(const torch::Tensor& terms);

// Cross-entropy of background and one finding. logits of (B,2,H,W), truth (B,1,H,W) -> (3): sums of
// the cross-entropy of the head and of its auxiliary head (0 without one), pixels.
torch::Tensor cross_entropy_terms(const SegmentationLogits& logits, const torch::Tensor& truth);
// Mean of the first plus `auxiliary` times the mean of the second.
torch::Tensor cross_entropy_loss(const torch::Tensor& terms, double auxiliary);

// MRM's segmentation loss as its configuration adds it up of MMSegmentation's parts: 2 focal
// (exponent 2, alpha 1/2, each of the two outputs by its sigmoid) and half (one of two classes) the
// mean over images of 1 - Dice of the finding by the softmax, its denominator a sum of squares.
// logits of (B,2,H,W), truth (B,1,H,W) -> (6): sums of the focal loss and of 1 - Dice of the head
// and of its auxiliary head (0 without one), outputs, images.
torch::Tensor focal_dice_by_image_terms(const SegmentationLogits& logits,
                                        const torch::Tensor& truth);
// That of the head plus `auxiliary` times that of the auxiliary head.
torch::Tensor focal_dice_by_image_loss(const torch::Tensor& terms, double auxiliary);

// The loss that segmentation.loss names.
struct SegmentationLoss {
  std::function<torch::Tensor(const SegmentationLogits& logits, const torch::Tensor& truth)> terms;
  std::function<torch::Tensor(const torch::Tensor& terms)> loss;  // of their sum
};
SegmentationLoss segmentation_loss(const std::string& name, double auxiliary);

// (B,K) f64 the terms of each image of a batch.
torch::Tensor image_terms(const SegmentationLoss& loss, const SegmentationLogits& logits,
                          const torch::Tensor& truth);
// The loss of each `batch` images in a row, as training sees it, and its mean over images: the last
// of them may be fewer. terms (N,K): image_terms() of all images in their order.
double mean_batch_loss(const SegmentationLoss& loss, const torch::Tensor& terms,
                       std::int64_t batch);

}  // namespace biplane
