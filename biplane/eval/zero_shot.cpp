#include "biplane/eval/zero_shot.h"

#include "biplane/eval/exclusive_accuracy.h"

namespace biplane {

ScoreTables prompt_scores(const torch::Tensor& features, const PromptFeatures& prompts,
                          Ranking ranking) {
  const torch::Tensor exact = features.to(torch::kFloat64);
  const auto similarity = [&](const torch::Tensor& prompt) {
    return exact.matmul(prompt.to(torch::kFloat64).t()).contiguous();
  };
  ScoreTables scores;
  scores.margin = similarity(prompts.positive - prompts.negative);
  scores.ranking = ranking == Ranking::kMargin ? scores.margin : similarity(prompts.positive);
  return scores;
}

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
  task.score = [&](const ViewColumn& column) -> std::optional<ScoreTables> {
    return prompt_scores(column.features, prompts, input.prompts->ranking);
  };
  task.curves = true;
  classify(input, task, output);
  add_exclusive_accuracy(input, output);
}

}  // namespace biplane
