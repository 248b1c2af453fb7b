#pragma once

#include <span>
#include <string>

#include "biplane/eval/report_data.h"
#include "biplane/eval/results.h"

namespace biplane {

// Sections of the report. Each is empty where there are no such rows.
std::string calibration_section(std::span<const ResultRow> rows,
                                std::span<const FindingReliability> reliability);
std::string subgroup_section(std::span<const ResultRow> rows);
// Classes against metrics, one section a task of `biplane finetune`.
std::string head_sections(std::span<const ResultRow> rows);
// Studies by true class and by the class that is told; a table a column of views.
std::string confusion_section(std::span<const ConfusionTable> tables);
// Differences of two models, with their p.
std::string comparison_section(std::span<const ResultRow> rows);
std::string minimal_pair_section(std::span<const ResultRow> rows);

}  // namespace biplane
