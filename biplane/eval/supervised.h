#pragma once

#include <string>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Classification by the label head that was trained with the model (loss.labels): its logits on the
// fused feature rank and, above 0, decide. The same metrics as zero_shot, in the fused columns;
// what a network of this kind can learn from true labels is a ceiling for what it learns from
// reports.
class SupervisedEvaluator : public Evaluator {
 public:
  std::string task() const override { return "supervised"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
