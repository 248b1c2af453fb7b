#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/model/objective.h"
#include "biplane/nn/libtorch.h"
#include "biplane/train/trainer.h"

namespace biplane::testing {

// A small contrastive objective with everything a trainer must keep: a gather with gradient, a
// parameter without decay, one that gets no gradient at first, and a buffer that only after_step
// changes.
class ToyModule : public torch::nn::Module {
 public:
  ToyModule() {
    CounterRandom random(7, "toy");
    image = register_parameter("image", filled({kPixels, kWidth}, random));
    words = register_parameter("words", filled({kWords, kWidth}, random));
    late = register_parameter("late", torch::ones({kWidth}));
    seen = register_buffer("seen", torch::zeros({kWidth}));
  }
  static constexpr std::int64_t kPixels = 12, kWidth = 6, kWords = 20;

  torch::Tensor image, words, late, seen;

 private:
  static torch::Tensor filled(at::IntArrayRef shape, CounterRandom& random) {
    torch::Tensor tensor = torch::empty(shape);
    float* data = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      data[i] = static_cast<float>(0.3 * random.normal());
    return tensor;
  }
};

class ToyObjective : public Objective {
 public:
  LossTerms compute(const StudyBatch& batch, const StepContext& context) override {
    const torch::Tensor scale = context.step < kLateStep ? module_->late.detach() : module_->late;
    const torch::Tensor image =
        normalised(torch::matmul(batch.frontal.flatten(1), module_->image)) * scale;
    const torch::Tensor text = normalised(module_->words.index_select(0, batch.input_ids.flatten())
                                              .view({batch.size(), -1, ToyModule::kWidth})
                                              .mean(1));
    const torch::Tensor all = context.collective->gather(text);
    sum_ = context.collective->sum(image.sum(0));
    std::int64_t begin = 0;
    const torch::Tensor sizes =
        context.collective->gather(torch::full({1}, static_cast<double>(batch.size())));
    for (std::int64_t r = 0; r < context.collective->rank; ++r)
      begin += sizes[r].item<std::int64_t>();
    const torch::Tensor target = torch::arange(batch.size()) + begin;
    LossTerms loss;
    const torch::Tensor scores = torch::matmul(image, all.t()) * (10 + module_->seen.sum());
    const torch::Tensor itc = torch::cross_entropy_loss(scores, target, {}, at::Reduction::Sum) /
                              static_cast<double>(all.size(0));
    const torch::Tensor size = 0.01 * image.abs().sum() / static_cast<double>(all.size(0));
    loss.total = itc + size;
    if (poison && context.step == *poison) loss.total = loss.total + std::nan("");
    loss.terms = {{"itc", itc}, {"size", size}};
    loss.diagnostics = {{"toy/step", static_cast<double>(context.step)}};
    return loss;
  }
  torch::nn::Module& module() override { return *module_; }
  std::vector<ParameterGroup> parameter_groups() override {
    return {{"image", {module_->image}, 1.0, true},
            {"rest", {module_->words, module_->late}, 5.0, false}};
  }
  void after_step(const StepContext&) override {
    const torch::NoGradGuard no_grad;
    module_->seen.mul_(0.9).add_(sum_.detach(), 0.1);
  }

  std::optional<std::int64_t> poison;  // step whose loss is not a number

 private:
  static constexpr std::int64_t kLateStep = 3;
  static torch::Tensor normalised(const torch::Tensor& x) {
    return x / x.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-6);
  }

  std::shared_ptr<ToyModule> module_ = std::make_shared<ToyModule>();
  torch::Tensor sum_;
};

// Batch `index` of random studies, a pure function of the index.
inline StudyBatch toy_batch(std::int64_t index, std::int64_t studies) {
  CounterRandom random(11, "toy-batch", {static_cast<std::uint64_t>(index)});
  StudyBatch batch;
  batch.frontal = torch::empty({studies, 3, 2, 2});
  for (std::int64_t i = 0; i < batch.frontal.numel(); ++i)
    batch.frontal.data_ptr<float>()[i] = static_cast<float>(random.uniform());
  batch.input_ids = torch::empty({studies, 4}, torch::kInt64);
  for (std::int64_t i = 0; i < batch.input_ids.numel(); ++i)
    batch.input_ids.data_ptr<std::int64_t>()[i] = random.below(ToyModule::kWords);
  for (std::int64_t i = 0; i < studies; ++i)
    batch.study_ids.push_back("study-" + std::to_string(index) + "-" + std::to_string(i));
  return batch;
}

}  // namespace biplane::testing
