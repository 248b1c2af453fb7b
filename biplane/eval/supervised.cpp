#include "biplane/eval/supervised.h"

#include "biplane/eval/classification.h"

namespace biplane {

void SupervisedEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  const std::vector<std::string>& labels = input.engine.description().provenance.labels;
  if (labels.empty()) {
    output.notes.emplace_back("supervised: skipped, the model was trained without loss.labels");
    return;
  }
  Classification task{.name = "supervised", .findings = labelled_findings(input, labels)};
  if (task.findings.empty()) {
    output.notes.emplace_back(
        "supervised: skipped, no study has a label that the model's label head knows");
    return;
  }
  task.score = [&](const ViewColumn& column) -> std::optional<ScoreTables> {
    if (!column.fused.defined()) return std::nullopt;
    const torch::Tensor logits =
        input.engine.label_logits(column.fused).to(torch::kFloat64).contiguous();
    return ScoreTables{logits, logits};
  };
  task.no_score = "the label head reads the fused feature";
  classify(input, task, output);
}

}  // namespace biplane
