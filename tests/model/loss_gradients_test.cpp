#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::only;
using testing::SyntheticStudy;
using testing::tiny_settings;

constexpr double kStep = 1e-6;

struct GradientCase {
  std::string name;
  PretrainSettings settings;
  std::function<bool(const std::string&)> differentiable = [](const std::string&) { return true; };
};

// Codes and scores carry no gradient by design, so the cases keep them from depending on what is
// moved: all patches are kept or only what lies after the selection is moved; a wide epsilon makes
// the codes uniform.
std::vector<GradientCase> gradient_cases() {
  PretrainSettings base = tiny_settings();
  for (TowerConfig* tower : {&base.model.frontal, &base.model.lateral}) {
    tower->vit.width = 16;
    tower->vit.layers = 1;
    tower->vit.patch = 16;
  }
  base.model.text.bert.layers = 1;
  const auto with = [&](const std::string& name, const std::string& term,
                        const std::function<void(PretrainSettings&)>& change) {
    GradientCase one{name, base};
    one.settings.loss = only(term, base.loss);
    change(one.settings);
    return one;
  };
  std::vector<GradientCase> cases = {
      with("itc", "itc", [](PretrainSettings&) {}),
      with("itc_learned", "itc", [](PretrainSettings& s) { s.loss.itc.learned = true; }),
      with("itc_sigmoid", "itc",
           [](PretrainSettings& s) {
             s.loss.itc.kind = "sigmoid";
             s.loss.itc.bias = -1.0;
             s.loss.itc.soft_targets.weight = 0.3;
           }),
      with("itc_soft_targets", "itc",
           [](PretrainSettings& s) {
             s.loss.itc.soft_targets.weight = 0.4;
             s.loss.itc.pairs.frontal_lateral = 0.7;
           }),
      with("itc_mean_fusion", "itc", [](PretrainSettings& s) { s.model.fusion = "mean"; }),
      with("local", "local", [](PretrainSettings&) {}),
      with("labels", "labels", [](PretrainSettings&) {}),
      with("itc_all_texts", "itc",
           [](PretrainSettings& s) {
             s.loss.itc.text_negatives = "all";
             s.loss.itc.weights = "fixed";
           }),
      with("mlm_all_patches", "mlm", [](PretrainSettings& s) { s.model.key_semantics.rho = 1.0; }),
      with("mlm_after_selection", "mlm", [](PretrainSettings&) {}),
      with("fla", "fla", [](PretrainSettings&) {}),
      with("fla_two_layers", "fla", [](PretrainSettings& s) { s.model.alignment.layers = 2; }),
      with("fla_pieces", "fla",
           [](PretrainSettings& s) {
             s.loss.fla.units = "pieces";
             s.loss.fla.image_negatives = 0;
           }),
      with("fla_batch_negatives", "fla",
           [](PretrainSettings& s) { s.loss.fla.batch_negatives = true; }),
      with("fla_word_weights", "fla",
           [](PretrainSettings& s) { s.loss.fla.word_weights = "attention"; }),
      with("proto", "proto",
           [](PretrainSettings& s) {
             s.loss.proto.epsilon = 1e9;
             s.loss.proto.temperature = 0.1;
           }),
  };
  for (GradientCase& one : cases) {
    if (one.name == "mlm_after_selection") {
      one.differentiable = [](const std::string& name) {
        return name.starts_with("key_semantics.") || name.starts_with("decoder.") ||
               name.starts_with("mlm_head.");
      };
    }
    // The weights of the words are taken from the text tower without gradient.
    if (one.name == "fla_word_weights") {
      one.differentiable = [](const std::string& name) { return !name.starts_with("text."); };
    }
  }
  return cases;
}

class LossGradients : public ::testing::TestWithParam<GradientCase> {};
INSTANTIATE_TEST_SUITE_P(Terms, LossGradients, ::testing::ValuesIn(gradient_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(LossGradients, Property8AgreeWithFiniteDifferences) {
  PretrainObjective objective(GetParam().settings);
  objective.module().to(torch::kFloat64);
  std::vector<SyntheticStudy> studies = testing::synthetic_studies(5);
  studies[1].lateral = false;
  studies[4].frontal = false;
  studies[3].words = studies[0].words;       // the same report and the same sentences twice,
  studies[3].words.push_back({{8}, false});  // with one full stop more
  const StudyBatch batch = testing::make_batch(studies).to(torch::kCPU, torch::kFloat64);
  const StepContext context{3, 11, nullptr};
  objective.compute(batch, context).total.backward();
  const torch::NoGradGuard no_grad;
  std::int64_t moved = 0;
  for (auto& item : objective.module().named_parameters()) {
    torch::Tensor parameter = item.value();
    if (!GetParam().differentiable(item.key()) || !parameter.grad().defined()) continue;
    const torch::Tensor direction =
        testing::noise(parameter.sizes(), 100 + static_cast<std::uint64_t>(moved));
    const auto loss_at = [&](double shift) {
      const torch::Tensor kept = parameter.clone();
      parameter.add_(direction, shift);
      const double loss = objective.compute(batch, context).total.item<double>();
      parameter.copy_(kept);
      return loss;
    };
    const double expected = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
    const double gradient = (parameter.grad() * direction).sum().item<double>();
    EXPECT_NEAR(gradient, expected, 1e-6 + 1e-5 * std::abs(expected)) << item.key();
    ++moved;
  }
  EXPECT_GE(moved, 10);
}

}  // namespace
}  // namespace biplane
