#pragma once

#include <string>

#include "biplane/eval/evaluator.h"
#include "biplane/eval/head_predictions.h"

namespace biplane {

// What a model says of the studies by every way of classification that it has: zero-shot scores as
// they rank (where there are prompts for the labels), and the probabilities of a head that `biplane
// finetune` trained.
std::vector<HeadPredictions> all_predictions(const EvaluationInput& input);

// Operating points and calibrated probabilities, chosen and fitted on input.choosing alone.
class CalibrationEvaluator : public Evaluator {
 public:
  std::string task() const override { return "calibration"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

// The AUROC within each of input.subgroups.
class SubgroupEvaluator : public Evaluator {
 public:
  std::string task() const override { return "subgroups"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
