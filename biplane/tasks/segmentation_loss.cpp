#include "biplane/tasks/segmentation_loss.h"

namespace biplane {
namespace {

constexpr double kFocalWeight = 10.0, kSmooth = 1.0;

torch::Tensor number(double value, const torch::Tensor& like) {
  return torch::full({1}, value, like.options());
}

torch::Tensor cross_entropy_sum(const torch::Tensor& logits, const torch::Tensor& classes) {
  return at::cross_entropy_loss(logits, classes, {}, at::Reduction::Sum).view({1});
}

}  // namespace

torch::Tensor focal_dice_terms(const torch::Tensor& logits, const torch::Tensor& truth) {
  TORCH_CHECK(logits.sizes() == truth.sizes(), "truth ", truth.sizes(), " of logits ",
              logits.sizes());
  // Of the right answer: log p, with the sign of the logit turned where the truth is 0.
  const torch::Tensor log_right = at::log_sigmoid(logits * (2 * truth - 1));
  const torch::Tensor wrong = 1 - log_right.exp();
  const torch::Tensor focal = -(wrong.square() * log_right).sum().view({1});
  const torch::Tensor p = logits.sigmoid();
  const torch::Tensor both = (p * truth).sum({0, 2, 3}), total = (p + truth).sum({0, 2, 3});
  return at::cat({focal, number(static_cast<double>(logits.numel()), logits), both, total});
}

torch::Tensor focal_dice_loss(const torch::Tensor& terms) {
  const std::int64_t findings = (terms.size(0) - 2) / 2;
  const torch::Tensor both = terms.slice(0, 2, 2 + findings), total = terms.slice(0, 2 + findings);
  const torch::Tensor dice = (2 * both + kSmooth) / (total + kSmooth);
  return kFocalWeight * terms[0] / terms[1] - dice.log().mean();
}

torch::Tensor cross_entropy_terms(const SegmentationLogits& logits, const torch::Tensor& truth) {
  const torch::Tensor classes = truth.squeeze(1).to(torch::kInt64);
  return at::cat({cross_entropy_sum(logits.main, classes),
                  logits.auxiliary.defined() ? cross_entropy_sum(logits.auxiliary, classes)
                                             : number(0, logits.main),
                  number(static_cast<double>(classes.numel()), logits.main)});
}

torch::Tensor cross_entropy_loss(const torch::Tensor& terms, double auxiliary) {
  return (terms[0] + auxiliary * terms[1]) / terms[2];
}

}  // namespace biplane
