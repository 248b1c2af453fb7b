#pragma once

#include <string>

#include "biplane/eval/classification.h"
#include "biplane/eval/evaluator.h"

namespace biplane {

// Zero-shot classification. Margin = cos(study, positive prompts) - cos(study, negative prompts);
// decided positive at 0 and above; studies are ranked by the margin or by the first part alone, as
// the prompt set says. For every finding with prompts and labels: auroc, average_precision,
// accuracy, f1_macro, and the difference of auroc to the frontal alone; their means over the
// defined findings (macro), and of auroc also over findings that the frontal shows, that (almost)
// only the lateral shows, and that both views show. Uncertain and missing labels are left out of
// their finding.
class ZeroShotEvaluator : public Evaluator {
 public:
  std::string task() const override { return "zero_shot"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

// Scores of studies (rows of normalised features) for the classes of a prompt set.
ScoreTables prompt_scores(const torch::Tensor& features, const PromptFeatures& prompts,
                          Ranking ranking);

}  // namespace biplane
