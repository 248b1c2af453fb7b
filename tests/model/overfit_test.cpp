#include <gtest/gtest.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include <cmath>

#include "tests/model/synthetic_studies.h"

namespace biplane {
namespace {

using testing::diagnostic;
using testing::SyntheticStudy;
using testing::tiny_settings;

// Plain AdamW on one fixed batch, with a linear fall of the learning rate.
void overfit(PretrainObjective& objective, const StudyBatch& batch, std::int64_t steps,
             double rate) {
  torch::optim::AdamW optimizer(objective.module().parameters(),
                                torch::optim::AdamWOptions(rate).weight_decay(0.0));
  for (std::int64_t step = 0; step < steps; ++step) {
    const double left = 1.0 - static_cast<double>(step) / static_cast<double>(steps);
    const double warm = std::min(1.0, static_cast<double>(step + 1) / 20.0);
    static_cast<torch::optim::AdamWOptions&>(optimizer.param_groups()[0].options())
        .lr(rate * std::min(left, warm));
    optimizer.zero_grad();
    const StepContext context{step, 1, nullptr};
    objective.compute(batch, context).total.backward();
    torch::nn::utils::clip_grad_norm_(objective.module().parameters(), 1.0);
    optimizer.step();
    objective.after_step(context);
  }
}

LossTerms look(PretrainObjective& objective, const StudyBatch& batch) {
  const torch::NoGradGuard no_grad;
  return objective.compute(batch, {0, 1, nullptr});  // step 0: all diagnostics are due
}

// Share of studies whose own partner has the highest cosine; a tie counts as a miss.
double recall_at_1(const torch::Tensor& queries, const torch::Tensor& targets) {
  const torch::Tensor scores = torch::mm(unit(queries), unit(targets).t());
  const torch::Tensor others = scores + torch::eye(scores.size(0)) * -10.0;
  return scores.diagonal().gt(std::get<0>(others.max(1))).to(torch::kFloat64).mean().item<double>();
}

TEST(Overfit, Property10SixteenStudiesAreTold) {
  PretrainSettings settings = tiny_settings();
  settings.loss.proto.freeze_steps = 20;
  PretrainObjective objective(settings);
  const StudyBatch batch = testing::make_batch(testing::synthetic_studies(16));
  overfit(objective, batch, 300, 2e-3);
  const torch::NoGradGuard no_grad;
  const MultiviewModel& model = objective.model();
  const torch::Tensor text = model.encode_text(batch.input_ids, batch.attention_mask).global;
  const ViewFeatures frontal = model.encode_frontal(batch.frontal),
                     lateral = model.encode_lateral(batch.lateral);
  const torch::Tensor fused = model.fuse(frontal, lateral, batch.has_frontal, batch.has_lateral);
  for (const torch::Tensor& image : {fused, frontal.global, lateral.global}) {
    EXPECT_EQ(recall_at_1(text, image), 1.0);
    EXPECT_EQ(recall_at_1(image, text), 1.0);
  }
  const LossTerms loss = look(objective, batch);
  EXPECT_GT(diagnostic(loss, "fla/shuffle_gap"), 1.0);
  EXPECT_EQ(diagnostic(loss, "mlm/accuracy"), 1.0);
}

TEST(Overfit, Property10OnlyTheImagesTellWhatIsHidden) {
  PretrainSettings settings = tiny_settings();
  settings.loss = testing::only("mlm", settings.loss);
  PretrainObjective objective(settings);
  std::vector<SyntheticStudy> studies;
  for (std::int64_t pair = 0; pair < 8; ++pair) {
    for (std::int64_t member = 0; member < 2; ++member) {
      SyntheticStudy study = testing::synthetic_study(pair);
      study.number = 2 * pair + member;
      study.frontal_image =
          4 * static_cast<std::uint64_t>(pair) + static_cast<std::uint64_t>(member);
      study.lateral_image = study.frontal_image + 2;
      for (auto& word : study.words) word.masked = false;
      study.words[2] = {{10 + 8 * (2 * pair + member)}, true};  // an entity
      studies.push_back(study);
    }
  }
  const StudyBatch batch = testing::make_batch(studies);
  ASSERT_TRUE(batch.masked_ids[0].equal(batch.masked_ids[1]));
  ASSERT_EQ(diagnostic(look(objective, batch), "mlm/accuracy_entity") < 0.6, true);
  overfit(objective, batch, 300, 2e-3);
  EXPECT_EQ(diagnostic(look(objective, batch), "mlm/accuracy"), 1.0);
}

}  // namespace
}  // namespace biplane
