#pragma once

#include <optional>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_effects.h"

namespace biplane {

// Estimates with their intervals, a line each, in panels side by side that have a scale of their
// own around 0.
struct ForestRow {
  std::string label;
  std::vector<std::optional<Estimate>> estimates;  // one a panel
};
struct ForestGroup {
  std::string title;
  std::vector<ForestRow> rows;
};
struct ForestFigure {
  std::string title;
  std::vector<std::string> panels;
  std::vector<ForestGroup> groups;
};

// One self-contained SVG that reads on white; intervals without 0 are filled, the others hollow.
// All text is escaped.
std::string forest_svg(const ForestFigure& figure);

}  // namespace biplane
