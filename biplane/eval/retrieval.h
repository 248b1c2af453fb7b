#pragma once

#include <string>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Image-text retrieval, both directions and their mean: recall at 1, 5 and 10 and median rank
// (pessimistic ties) among all studies of disjoint pools drawn by chance from the studies with a
// report; studies that fill no pool are left out. A report matches every study whose normalised
// report text is the same. Of every other column over the studies with both views also the recall
// less that of the frontal alone (recall_at_K_difference). Then what add_class_retrieval() adds.
class RetrievalEvaluator : public Evaluator {
 public:
  std::string task() const override { return "retrieval"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

// What decides whether two reports are the same: lower case (ASCII), every run of blanks one space,
// none at the ends.
std::string normalised_report(const std::string& text);

}  // namespace biplane
