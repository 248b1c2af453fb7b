#include "biplane/eval/exclusive_accuracy.h"

#include <optional>
#include <string>
#include <vector>

#include "biplane/eval/columns.h"
#include "biplane/eval/multiclass_metrics.h"
#include "biplane/eval/study_classes.h"

namespace biplane {

void add_exclusive_accuracy(const EvaluationInput& input, EvaluationOutput& output) {
  const ExclusiveClasses classes = exclusive_classes(input);
  if (!classes.note.empty()) output.notes.push_back("zero_shot: " + classes.note);
  if (!classes.hold()) return;
  const std::vector<std::uint8_t> known = known_groups(classes.of_row);
  const torch::Tensor prompts = input.engine.encode_prompts(*input.prompts).positive;
  for (const ViewColumn& whole : view_columns(input)) {
    const ViewColumn column = filter_column(whole, known);
    const auto add = [&](const char* metric) -> ResultRow& {
      ResultRow& row = output.rows.emplace_back();
      row.task = "zero_shot";
      row.views = column.views;
      row.population = column.population;
      row.metric = metric;
      row.label = "all";
      return row;
    };
    const std::string note = undefined_note(column, 1);
    if (!note.empty()) {
      for (const char* metric : {"accuracy", "f1_macro"}) add(metric).note = note;
      continue;
    }
    const torch::Tensor probability =
        column.features.to(torch::kFloat64).matmul(prompts.to(torch::kFloat64).t()).softmax(1);
    const torch::Tensor flat = probability.contiguous();
    const MulticlassScores scores(
        picked(classes.of_row, column.rows),
        Values(flat.const_data_ptr<double>(), static_cast<std::size_t>(flat.numel())),
        probability.size(1));
    const PatientBootstrap bootstrap(patients_of(column, input), input.bootstrap);
    const auto measure = [&](const char* metric, const auto& statistic) {
      ResultRow& row = add(metric);
      row.n = static_cast<std::int64_t>(column.rows.size());
      row.value = statistic(Values{});
      set_repeats(row, bootstrap.replicate(statistic));
    };
    std::vector<std::string> names;
    for (const PromptClass& one : input.prompts->classes) names.push_back(one.finding);
    output.report.confusions.push_back(
        {"zero_shot", column.views, column.population, names, scores.confusion()});
    measure("accuracy", [&](Values weight) { return scores.accuracy(weight); });
    measure("f1_macro", [&](Values weight) {
      return std::optional<double>(scores.macro_f1(/*all_classes=*/false, weight));
    });
  }
}

}  // namespace biplane
