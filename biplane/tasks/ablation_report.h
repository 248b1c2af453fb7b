#pragma once

#include <span>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_config.h"
#include "biplane/tasks/ablation_figure.h"
#include "biplane/tasks/ablation_record.h"

namespace biplane {

// A part of the report: a title, some sentences and a table whose first row is its head. Plain text
// with Markdown's ** and `.
struct AblationSection {
  std::string title, lead;
  std::vector<std::vector<std::string>> table;
};

struct AblationReport {
  std::string title;
  std::vector<AblationSection> sections;
  ForestFigure figure;
};

// Tables and figure of what is done so far; says what is missing. Throws Error kUsage for lines of
// different test data, which cannot be compared.
AblationReport make_ablation_report(const AblationConfig& config,
                                    std::span<const AblationRecord> records);

// Markdown; `figure`: file name of the figure, shown below the title.
std::string ablation_markdown(const AblationReport& report, const std::string& figure);
// One self-contained page with the figure in it.
std::string ablation_html(const AblationReport& report);

// Which of the runs of the plan have no line yet: "factorial: 3 of 16 (abe, ce, ...)".
std::vector<std::string> missing_runs(const AblationConfig& config,
                                      std::span<const AblationRecord> records);

}  // namespace biplane
