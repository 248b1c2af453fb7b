#pragma once

#include <string>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Whether an image is nearer to its own report than to the same report with one thing said
// otherwise (negation, side, size, site): accuracy of each kind and of each change, a tie counts
// one half. The other reports are those of minimal_pairs.jsonl beside the manifest (`biplane
// phantom
// --minimal-pairs`: from the truth), else made of English reports by rules (text/report_edits.h).
class MinimalPairEvaluator : public Evaluator {
 public:
  std::string task() const override { return "minimal_pairs"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
