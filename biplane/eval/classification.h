#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "biplane/eval/columns.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// What the tasks that tell findings of whole studies have in common: metrics of every finding and
// of their macro averages, in every column.

// A finding is lateral-only where an ideal observer sees at most this share of its positives in the
// frontal, and at least kVisibleShare in the lateral; it is seen in both where both shares reach
// kVisibleShare.
inline constexpr double kHiddenShare = 0.25;
inline constexpr double kVisibleShare = 0.5;

struct ClassifiedFinding {
  std::string name;
  std::int64_t score = 0;  // column of ScoreTables
  // Shares of the positives that an ideal observer sees in each view, without those that are
  // doubtful there; nothing where the corpus does not say.
  std::optional<double> visible_frontal, visible_lateral;

  bool in_frontal() const;    // at least half show in the frontal
  bool lateral_only() const;  // at most a quarter in the frontal, at least half in the lateral
  bool in_both() const;       // at least half in each
};

// Those of `names` that some study has a label for; `score` is the place in `names`.
std::vector<ClassifiedFinding> labelled_findings(const EvaluationInput& input,
                                                 const std::vector<std::string>& names);

// (rows, C) f64: what ranks the studies of a column, and what decides at 0.
struct ScoreTables {
  torch::Tensor ranking, margin;
};

struct Classification {
  std::string name;  // task of the rows
  std::vector<ClassifiedFinding> findings;
  // Scores of a column that has features; nothing where they mean nothing, and then `no_score` is
  // the note.
  std::function<std::optional<ScoreTables>(const ViewColumn&)> score{};
  std::string no_score{};
  bool curves = false;  // fill the report's ROC curves
};

// Adds the rows (auroc, average_precision, accuracy, f1_macro, auroc_difference against the
// frontal) of every column.
void classify(const EvaluationInput& input, const Classification& task, EvaluationOutput& output);

}  // namespace biplane
