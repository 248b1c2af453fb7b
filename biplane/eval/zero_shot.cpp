#include "biplane/eval/zero_shot.h"

#include "biplane/eval/classification.h"

namespace biplane {

void ZeroShotEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  if (input.prompts == nullptr) {
    output.notes.emplace_back(
        "zero_shot: skipped, there is no prompt file for the labels of this corpus");
    return;
  }
  std::vector<std::string> names;
  for (const PromptClass& one : input.prompts->classes) names.push_back(one.finding);
  Classification task{.name = "zero_shot", .findings = labelled_findings(input, names)};
  if (task.findings.empty()) {
    output.notes.emplace_back("zero_shot: skipped, no study has a label that the prompts '" +
                              input.prompts->name + "' know");
    return;
  }
  if (input.prompts->ranking == Ranking::kPositive) {
    output.notes.emplace_back(
        "zero_shot: the prompts '" + input.prompts->name +
        "' rank studies (AUROC, average precision) by their positive list alone; "
        "accuracy and F1 decide by positive less negative");
  }
  const PromptFeatures prompts = input.engine.encode_prompts(*input.prompts);
  const bool by_margin = input.prompts->ranking == Ranking::kMargin;
  task.score = [&](const ViewColumn& column) -> std::optional<ScoreTables> {
    const torch::Tensor features = column.features.to(torch::kFloat64);
    const auto similarity = [&](const torch::Tensor& prompt) {
      return features.matmul(prompt.to(torch::kFloat64).t()).contiguous();
    };
    ScoreTables scores;
    scores.margin = similarity(prompts.positive - prompts.negative);
    scores.ranking = by_margin ? scores.margin : similarity(prompts.positive);
    return scores;
  };
  task.curves = true;
  classify(input, task, output);
}

}  // namespace biplane
