#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/eval/evaluate.h"
#include "biplane/eval/evaluator.h"

namespace biplane {

// One model on one manifest, encoded once, measured task by task: what evaluate() and the suite
// stand on.
class Evaluation {
 public:
  // Throws Error as evaluate(). check() says what is wrong with the options before anything is
  // read.
  explicit Evaluation(const EvaluateOptions& options, Progress* progress = nullptr);
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;
  static void check(const EvaluateOptions& options);

  // Adds the rows (with corpus, split and exposure), notes and report data of one task.
  void run(const std::string& task, EvaluationOutput& output);
  // Adds the same of options.against: what this model's AUROC has more (eval/model_comparison.h).
  // Nothing where it is empty.
  void compare(EvaluationOutput& output, Progress* progress = nullptr);
  ResultOrigin origin() const;
  std::vector<std::string> notes() const;   // about the studies
  std::int64_t studies() const;             // selected
  std::int64_t broken() const;              // of those, left out
  void describe(ReportData& report) const;  // its head

 private:
  void run(const Evaluator& evaluator, EvaluationOutput& output);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace biplane
