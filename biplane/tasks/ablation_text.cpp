#include "biplane/tasks/ablation_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "biplane/eval/report_html.h"
#include "biplane/tasks/ablation_metrics.h"

namespace biplane {

std::string effect_text(const std::optional<Estimate>& estimate) {
  if (!estimate) return "-";
  const std::string value = number_text(estimate->value, 3, true);
  return fmt::format("{} [{}, {}]{}", estimate->touches(0) ? value : "**" + value + "**",
                     number_text(estimate->low, 3, true), number_text(estimate->high, 3, true),
                     estimate->freedom == 0 ? " (p)" : "");
}

std::string value_text(const std::optional<Estimate>& estimate) {
  if (!estimate) return "-";
  return fmt::format("{} [{}, {}]", number_text(estimate->value), number_text(estimate->low),
                     number_text(estimate->high));
}

std::vector<std::string> runs_of(const std::vector<AblationRecord>& lines) {
  std::vector<std::string> runs;
  for (const AblationRecord& line : lines) {
    if (std::find(runs.begin(), runs.end(), line.run) == runs.end()) runs.push_back(line.run);
  }
  return runs;
}

bool has_metric(const std::vector<AblationRecord>& lines, const std::string& metric) {
  return std::any_of(lines.begin(), lines.end(), [&](const AblationRecord& line) {
    return find_metric(line, metric) != nullptr;
  });
}

}  // namespace biplane
