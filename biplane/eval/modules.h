#pragma once

#include <string>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Whether the modules of the method do what they claim, where the truth is known
// (docs/evaluation.md, "Do the modules do what they claim"): key semantics (modules/selection),
// view alignment (modules/alignment), masked words (modules/masked_words), false negatives of the
// contrast (modules/false_negatives) and counterfactual studies (modules/counterfactual, where
// counterfactual.jsonl lies beside the manifest). Over studies with both views and a report. Images
// and reports are read and encoded once, in batches, for all but the last.
class ModulesEvaluator : public Evaluator {
 public:
  std::string task() const override { return "modules"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
