#pragma once

#include <optional>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_effects.h"
#include "biplane/tasks/ablation_record.h"

namespace biplane {

// What the tables of an ablation are written with.

// "**+0.012** [+0.003, +0.021]", bold where the interval does not hold 0, with (p) behind it where
// it is over patients alone; "-" for none.
std::string effect_text(const std::optional<Estimate>& estimate);
// "0.812 [0.801, 0.823]"
std::string value_text(const std::optional<Estimate>& estimate);
// Configurations of a design's lines, in the order of the lines.
std::vector<std::string> runs_of(const std::vector<AblationRecord>& lines);
bool has_metric(const std::vector<AblationRecord>& lines, const std::string& metric);

}  // namespace biplane
