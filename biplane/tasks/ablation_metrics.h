#pragma once

#include <optional>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_record.h"

namespace biplane {

// The headline figures of an ablation by their names in a result line:
//   zero_shot/COLUMN/GROUP   macro AUROC; COLUMN frontal, lateral, both; GROUP all, in_frontal,
//                            lateral_only, both_views (docs/evaluation.md)
//   supervised/COLUMN/GROUP  the same of the label head, where one was trained; COLUMN both
//   retrieval/COLUMN         recall at 10, mean of both directions
//   pointing_game/VIEW, mean_iou/VIEW   grounding by the cosine map; VIEW frontal, lateral
//   selection/VIEW           AUROC of the selection score for lesion patches; VIEW also both
//   entity_words/accuracy, entity_words/image_effect, entity_words/leak   of masked entity words
//   shuffle_gap/words, shuffle_gap/images   nats, halves of the alignment loss
//   same_cosine/COLUMN       mean cosine with reports of the same findings less that with others
//   same_mass/COLUMN         share of the contrast's softmax that reports of the same findings get
// The last five are of studies with both views whose truth is known (docs/evaluation.md, "Do the
// modules do what they claim"). COLUMN "used" stands for both, or frontal where the model has no
// figure for both: a model with everything it was trained on. It is not in the lines but made of
// them.

// All names in the order of the tables, with those of "used".
const std::vector<std::string>& headline_metrics();
// What a metric is called in a table: "AUROC, lateral-only findings (used)".
std::string metric_title(const std::string& metric);
// The figure of a line; nothing where the model has none.
const AblationMetric* find_metric(const AblationRecord& record, const std::string& metric);

}  // namespace biplane
