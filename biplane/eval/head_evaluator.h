#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "biplane/eval/evaluator.h"
#include "biplane/eval/head_predictions.h"
#include "biplane/inference/task_features.h"

namespace biplane {

// Probabilities and truth of the studies of one column. `logits` (N,C) of parts.studies.
PredictedColumn predicted_column(const Manifest& manifest, const std::vector<std::int64_t>& studies,
                                 const torch::Tensor& logits, const TaskLabels& labels);

// What a model's head says of the studies (indices into the manifest): the column of its views over
// studies with both views, lateral_missing for a head of both, and, where other studies have what
// the head needs, the column over all of them. Studies with a broken image are left out and added
// to `broken`.
HeadPredictions predict_head(const Engine& engine, const TaskDescription& task,
                             const Manifest& manifest, const std::vector<std::int64_t>& studies,
                             const StudyBatchOptions& options = {},
                             std::vector<BrokenStudy>* broken = nullptr);

// Adds the rows of the model's head of a task; a note where it has none, and where no study has
// what is needed: "no study" and `needed`.
void measure_head(
    const EvaluationInput& input, EvaluationOutput& output, const std::string& task,
    const std::string& needed,
    const std::function<std::vector<ResultRow>(const TaskDescription& task)>& measure);

// Whether a row is of the head of `task`: its own rows, and those that are made of its predictions
// (calibration, subgroups).
bool is_of_head(const ResultRow& row, const std::string& task);

// Gives a row of a head how it was trained, and `exposed`: what its start had seen of the corpus.
void say_training(const TaskStart& start, const std::string& exposed, ResultRow& row);

// Classification by the head that `biplane finetune` trained: the rows of head_rows().
class HeadEvaluator : public Evaluator {
 public:
  explicit HeadEvaluator(std::string task) : task_(std::move(task)) {}
  std::string task() const override { return task_; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;

 private:
  std::string task_;
};

}  // namespace biplane
