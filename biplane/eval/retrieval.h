#pragma once

#include <string>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Image-text retrieval, both directions and their mean: recall at 1, 5 and 10 and median rank
// (pessimistic ties) among all studies of disjoint pools drawn by chance from the studies with a
// report; studies that fill no pool are left out. A report matches every study whose normalised
// report text is the same. Of every other column over the studies with both views also the recall
// less that of the frontal alone (recall_at_K_difference). Then what add_class_retrieval(),
// add_distinct_texts(), add_hard_retrieval() and add_oracle_retrieval() add.
class RetrievalEvaluator : public Evaluator {
 public:
  std::string task() const override { return "retrieval"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
