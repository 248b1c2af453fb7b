#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/report_data.h"
#include "biplane/eval/results.h"

namespace biplane {

struct ReportContent {
  const ReportData& data;
  std::span<const ResultRow> rows;
  std::span<const std::string> notes;
  const ResultOrigin& origin;
};

// One self-contained HTML page: styles, drawings and images are inside it, nothing is fetched. All
// text is escaped. Deterministic. Throws Error kMissingInput where the style sheet
// share/report/report.css is missing.
std::string render_report(const ReportContent& content);

// Reads the learning curves from RUN/metrics.jsonl; empty where there is none. Lines that cannot be
// read are skipped.
std::vector<CurveSeries> read_learning_curves(const std::filesystem::path& run);

}  // namespace biplane
