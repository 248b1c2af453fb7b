#pragma once

#include <optional>
#include <string>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/eval/evaluator.h"
#include "biplane/eval/head_predictions.h"

namespace biplane {

// Another model that is measured on the same studies.
struct ComparedModel {
  std::string name;  // its run
  Engine engine;
  std::optional<PromptSet> prompts;  // chosen as those of the first model are
};

// Adds, for every way of classification that two models have, rows of metric auroc_difference: the
// AUROC of `own` less that of `other`, in the columns and classes that both have, over the labels
// of the studies that stand in both. The interval comes from the same draws of patients, `p` from
// DeLong's test where no patient has two of the rows; else the note says why there is none. Notes
// count what only one model has. Which model `other` is stands in no row yet.
void compare_predictions(const std::vector<HeadPredictions>& own,
                         const std::vector<HeadPredictions>& other,
                         const BootstrapOptions& bootstrap, int threads, EvaluationOutput& output);

// The rows of compare_predictions(), by the name and the weights of the other model. Studies that
// one of the two cannot read are left out for both.
class ModelComparison : public Evaluator {
 public:
  // `other` must outlive this.
  explicit ModelComparison(const ComparedModel& other, Progress* progress = nullptr)
      : other_(other), progress_(progress) {}
  std::string task() const override { return "comparison"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;

 private:
  const ComparedModel& other_;
  Progress* progress_;
};

}  // namespace biplane
