#include "biplane/eval/score_evaluators.h"

#include <limits>

#include "biplane/eval/calibration_rows.h"
#include "biplane/eval/classification.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/eval/subgroups.h"
#include "biplane/eval/zero_shot.h"

namespace biplane {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double truth_of(const Study& study, const std::string& finding) {
  const auto label = study.labels.find(finding);
  return label == study.labels.end() || label->second < 0 ? kUnknown : label->second;
}

// Nothing where there are no prompts for the labels.
std::optional<HeadPredictions> zero_shot_predictions(const EvaluationInput& input) {
  if (input.prompts == nullptr) return std::nullopt;
  std::vector<std::string> names;
  for (const PromptClass& one : input.prompts->classes) names.push_back(one.finding);
  const std::vector<ClassifiedFinding> findings = labelled_findings(input, names);
  if (findings.empty()) return std::nullopt;
  HeadPredictions predictions;
  predictions.task = "zero_shot";
  predictions.kind = "multilabel";
  for (const ClassifiedFinding& finding : findings) predictions.classes.push_back(finding.name);
  const PromptFeatures prompts = input.engine.encode_prompts(*input.prompts);
  for (const ViewColumn& column : view_columns(input)) {
    if (column.views == "both_lateral_swapped") continue;
    PredictedColumn scored;
    scored.views = column.views;
    scored.population = column.population;
    scored.note = column.note;
    if (column.features.defined()) {
      scored.patients = patients_of(column, input);
      const torch::Tensor ranking =
          prompt_scores(column.features, prompts, input.prompts->ranking).ranking;
      const auto values = ranking.accessor<double, 2>();
      for (std::size_t i = 0; i < column.rows.size(); ++i) {
        const Study& study = study_of(input, column.rows[i]);
        scored.studies.push_back(study.study_id);
        for (const ClassifiedFinding& finding : findings) {
          scored.probability.push_back(values[static_cast<std::int64_t>(i)][finding.score]);
          scored.truth.push_back(truth_of(study, finding.name));
        }
      }
    }
    predictions.columns.push_back(std::move(scored));
  }
  return predictions;
}

void note_nothing(const std::string& task, EvaluationOutput& output) {
  output.notes.push_back(task +
                         ": skipped, the model has neither prompts for these labels nor a "
                         "head of biplane finetune");
}

}  // namespace

std::vector<HeadPredictions> all_predictions(const EvaluationInput& input) {
  std::vector<HeadPredictions> all;
  if (auto zero_shot = zero_shot_predictions(input)) all.push_back(std::move(*zero_shot));
  const auto task = read_task(input.engine.package().folder);
  if (task && (task->task == "linear" || task->task == "finetune"))
    all.push_back(predict_head(input.engine, *task, input.manifest, input.features.studies,
                               {.threads = input.engine.threads()}));
  return all;
}

void CalibrationEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  if (input.choosing == nullptr) {
    output.notes.emplace_back(
        "calibration: skipped, there are no studies to choose thresholds on (--choose-on)");
    return;
  }
  const std::vector<HeadPredictions> measured = all_predictions(input),
                                     choosing = all_predictions(*input.choosing);
  for (const HeadPredictions& one : measured) {
    bool chosen = false;
    for (const HeadPredictions& other : choosing) {
      if (other.task != one.task || other.classes != one.classes) continue;
      chosen = true;
      CalibrationResult result =
          calibration_rows({one, other, input.at_sensitivity, input.at_specificity},
                           input.bootstrap, input.engine.threads());
      for (ResultRow& row : result.rows) output.rows.push_back(std::move(row));
      for (FindingReliability& curve : result.reliability)
        output.report.reliability.push_back(std::move(curve));
    }
    if (!chosen)
      output.notes.push_back("calibration: " + one.task +
                             " skipped, the studies that choose have labels of other findings");
  }
  if (measured.empty()) note_nothing(task(), output);
}

void SubgroupEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  const std::vector<HeadPredictions> measured = all_predictions(input);
  if (measured.empty()) note_nothing(task(), output);
  StudyGroups groups;
  for (const Study& study : input.studies) groups[study.study_id] = groups_of(study);
  SubgroupOptions options{input.subgroups, input.smallest_subgroup, input.bootstrap};
  if (!input.group_table.empty()) {
    GroupTable table = add_group_table(input.group_table, groups);
    for (std::string& field : table.fields) options.fields.push_back(std::move(field));
    if (table.of_no_study > 0)
      output.notes.push_back("subgroups: " + std::to_string(table.of_no_study) + " rows of " +
                             input.group_table.string() + " are of studies that are not measured");
  }
  for (const HeadPredictions& one : measured)
    for (ResultRow& row : subgroup_rows(one, groups, options))
      output.rows.push_back(std::move(row));
}

}  // namespace biplane
