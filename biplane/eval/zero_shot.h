#pragma once

#include <string>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Zero-shot classification. Margin = cos(study, positive prompts) - cos(study, negative prompts);
// decided positive at 0 and above; studies are ranked by the margin or by the first part alone, as
// the prompt set says. For every finding with prompts and labels: auroc, average_precision,
// accuracy, f1_macro, and the difference of auroc to the frontal alone; their means over the
// defined findings (macro), and of auroc also over findings that (almost) only the lateral shows
// and over those that both views show. Uncertain and missing labels are left out of their finding.
class ZeroShotEvaluator : public Evaluator {
 public:
  std::string task() const override { return "zero_shot"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

// A finding is lateral-only where an ideal observer sees at most this share of its positives in the
// frontal, and at least kVisibleShare in the lateral; it is seen in both where both shares reach
// kVisibleShare.
inline constexpr double kHiddenShare = 0.25;
inline constexpr double kVisibleShare = 0.5;

}  // namespace biplane
