#pragma once

#include <string>

#include "biplane/eval/evaluator.h"

namespace biplane {

// Findings whose masks or boxes cover no more of the image than this, in the mean over those of a
// view, have a mean of their own ("macro_small"): a map need not be precise to hit a large one.
inline constexpr double kSmallShare = 0.15;

// Phrase grounding: the map of a query over each view that the truth marks, for each kind of map:
// pointing game, mean IoU (map stretched to 0..1 in each image), contrast to noise, and the
// pointing game's chance (share of the image that the truth covers). The query is a finding's
// positive prompts (truth: its masks, else its boxes), or where boxes have words of their own
// (MS-CXR) those words (truth: their boxes). Per finding and view, and their means over all
// findings and over the small ones.
class GroundingEvaluator : public Evaluator {
 public:
  std::string task() const override { return "grounding"; }
  void run(const EvaluationInput& input, EvaluationOutput& output) const override;
};

}  // namespace biplane
