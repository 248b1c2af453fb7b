#include "biplane/tasks/ablation_rows.h"

#include <optional>
#include <string>

namespace biplane {
namespace {

// "all" of a row's class where that is a macro average; nothing for a finding.
std::optional<std::string> group_of(const std::string& label) {
  if (label == "macro") return "all";
  const std::string macro = "macro_";
  if (label.starts_with(macro)) return label.substr(macro.size());
  return std::nullopt;
}

void add_auroc(const ResultRow& row, AblationRecord& record) {
  if (const auto group = group_of(row.label)) {
    record.metrics[row.task + "/" + row.views + "/" + *group] = {*row.value, row.repeats};
  } else {
    record.findings[row.task == "supervised" ? row.task : row.views][row.label] = *row.value;
  }
}

// Name in the line of a row of the task modules; nothing for those that no table has.
std::optional<std::string> module_metric(const ResultRow& row) {
  if (row.task == "modules/selection" && row.metric == "auroc" && row.label == "macro" &&
      row.map == "sum")
    return "selection/" + row.views;
  if (row.task == "modules/alignment" && row.metric.starts_with("shuffle_gap_"))
    return "shuffle_gap/" + row.metric.substr(std::string("shuffle_gap_").size());
  if (row.task == "modules/masked_words" && row.label == "entity") {
    if (row.metric == "image_effect" || row.metric == "leak") return "entity_words/" + row.metric;
    if (row.metric == "word_accuracy" && row.condition == "own/own") return "entity_words/accuracy";
  }
  if (row.task == "modules/false_negatives" && row.views != "lateral" && row.label == "all" &&
      row.condition == "same") {
    if (row.metric == "cosine_difference") return "same_cosine/" + row.views;
    if (row.metric == "contrast_mass") return "same_mass/" + row.views;
  }
  return std::nullopt;
}

}  // namespace

void add_result_row(const ResultRow& row, const ModelProvenance& provenance,
                    AblationRecord& record) {
  const bool column = row.views == "frontal" || row.views == "lateral" || row.views == "both";
  if (!row.value || !row.population.empty() || !column) return;
  if (row.task.starts_with("modules/")) {
    if (const auto name = module_metric(row)) record.metrics[*name] = {*row.value, row.repeats};
    return;
  }
  if (row.metric == "auroc") add_auroc(row, record);
  if (row.metric == "recall_at_10" && row.direction == "mean" && is_unconditional(row))
    record.metrics["retrieval/" + row.views] = {*row.value, row.repeats};
  const bool trained =
      row.views == "frontal" ? provenance.frontal_trained : provenance.lateral_trained;
  const bool shown = row.metric == "pointing_game" || row.metric == "mean_iou";
  if (shown && trained && row.map == "cosine" && row.label == "macro")
    record.metrics[row.metric + "/" + row.views] = {*row.value, row.repeats};
}

}  // namespace biplane
