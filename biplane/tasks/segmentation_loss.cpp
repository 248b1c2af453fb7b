#include "biplane/tasks/segmentation_loss.h"

#include <vector>

#include "biplane/tasks/split_step.h"

namespace biplane {
namespace {

constexpr double kFocalWeight = 10.0, kSmooth = 1.0;

torch::Tensor cross_entropy_sum(const torch::Tensor& logits, const torch::Tensor& classes) {
  return at::cross_entropy_loss(logits, classes, {}, at::Reduction::Sum).view({1});
}

// With exponent 2.
torch::Tensor focal_sum(const torch::Tensor& logits, const torch::Tensor& truth) {
  // Of the right answer: log p, with the sign of the logit turned where the truth is 0.
  const torch::Tensor log_right = at::log_sigmoid(logits * (2 * truth - 1));
  const torch::Tensor wrong = 1 - log_right.exp();
  return -(wrong.square() * log_right).sum().view({1});
}

// Sum over images of 1 - Dice of the second of two outputs.
torch::Tensor image_dice_sum(const torch::Tensor& logits, const torch::Tensor& truth) {
  const torch::Tensor p = logits.softmax(1).select(1, 1), t = truth.select(1, 0);
  const torch::Tensor both = (p * t).sum({1, 2}), total = (p.square() + t.square()).sum({1, 2});
  return (1 - (2 * both + kSmooth) / (total + kSmooth)).sum().view({1});
}

}  // namespace

torch::Tensor focal_dice_terms(const torch::Tensor& logits, const torch::Tensor& truth) {
  TORCH_CHECK(logits.sizes() == truth.sizes(), "truth ", truth.sizes(), " of logits ",
              logits.sizes());
  const torch::Tensor focal = focal_sum(logits, truth);
  const torch::Tensor p = logits.sigmoid();
  const torch::Tensor both = (p * truth).sum({0, 2, 3}), total = (p + truth).sum({0, 2, 3});
  return at::cat({focal, number_term(static_cast<double>(logits.numel()), logits), both, total});
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
                                             : number_term(0, logits.main),
                  number_term(static_cast<double>(classes.numel()), logits.main)});
}

torch::Tensor cross_entropy_loss(const torch::Tensor& terms, double auxiliary) {
  return (terms[0] + auxiliary * terms[1]) / terms[2];
}

torch::Tensor focal_dice_by_image_terms(const SegmentationLogits& logits,
                                        const torch::Tensor& truth) {
  const torch::Tensor both = at::cat({1 - truth, truth}, 1), none = number_term(0, logits.main);
  const bool helped = logits.auxiliary.defined();
  return at::cat({focal_sum(logits.main, both), image_dice_sum(logits.main, truth),
                  helped ? focal_sum(logits.auxiliary, both) : none,
                  helped ? image_dice_sum(logits.auxiliary, truth) : none,
                  number_term(static_cast<double>(both.numel()), logits.main),
                  number_term(static_cast<double>(truth.size(0)), logits.main)});
}

torch::Tensor focal_dice_by_image_loss(const torch::Tensor& terms, double auxiliary) {
  constexpr double kFocal = 2.0 / 2, kDice = 1.0 / 2;  // weights times alpha, and over the classes
  const auto of_head = [&](std::int64_t first) {
    return kFocal * terms[first] / terms[4] + kDice * terms[first + 1] / terms[5];
  };
  return of_head(0) + auxiliary * of_head(2);
}

SegmentationLoss segmentation_loss(const std::string& name, double auxiliary) {
  const auto with = [&](auto loss) {
    return [=](const torch::Tensor& terms) { return loss(terms, auxiliary); };
  };
  if (name == "cross_entropy") return {cross_entropy_terms, with(cross_entropy_loss)};
  if (name == "focal_dice_by_image")
    return {focal_dice_by_image_terms, with(focal_dice_by_image_loss)};
  return {[](const SegmentationLogits& logits, const torch::Tensor& truth) {
            return focal_dice_terms(logits.main, truth);
          },
          focal_dice_loss};
}

torch::Tensor image_terms(const SegmentationLoss& loss, const SegmentationLogits& logits,
                          const torch::Tensor& truth) {
  std::vector<torch::Tensor> rows;
  for (std::int64_t image = 0; image < truth.size(0); ++image) {
    SegmentationLogits own{logits.main.narrow(0, image, 1), {}};
    if (logits.auxiliary.defined()) own.auxiliary = logits.auxiliary.narrow(0, image, 1);
    rows.push_back(loss.terms(own, truth.narrow(0, image, 1)).to(torch::kFloat64));
  }
  return at::stack(rows);
}

double mean_batch_loss(const SegmentationLoss& loss, const torch::Tensor& terms,
                       std::int64_t batch) {
  double sum = 0;
  for (const torch::Tensor& own : terms.split(batch))
    sum += loss.loss(own.sum(0)).item<double>() * static_cast<double>(own.size(0));
  return sum / static_cast<double>(terms.size(0));
}

}  // namespace biplane
