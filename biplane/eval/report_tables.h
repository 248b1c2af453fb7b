#pragma once

#include <span>
#include <string>
#include <vector>

#include "biplane/eval/report_data.h"
#include "biplane/eval/results.h"

namespace biplane {

// Which row of the results is meant; empty strings match rows without the key.
struct RowKey {
  std::string task, metric, views, label, population, direction, map;
};
const ResultRow* find_row(std::span<const ResultRow> rows, const RowKey& key);

// What a column is called on the page: "both views", "lateral missing" ...
std::string column_title(const std::string& views);
// The columns of the main tables that have rows, in their fixed order, and the population they are
// of.
std::vector<std::string> shown_columns(std::span<const ResultRow> rows);
std::string shown_population(std::span<const ResultRow> rows);

// A figure with its interval as a table cell, and a table of cells.
std::string value_cell(const ResultRow* row, int decimals = 3, bool sign = false);
std::string html_table(const std::vector<std::string>& names, const std::string& body);

// Tables of the report. Each is empty where there are no such rows.
std::string headline_cards(std::span<const ResultRow> rows);
std::string summary_table(std::span<const ResultRow> rows);
std::string finding_table(std::span<const ResultRow> rows, std::span<const FindingCurves> findings);
std::string retrieval_table_html(std::span<const ResultRow> rows);
std::string grounding_table_html(std::span<const ResultRow> rows);
std::string population_table(std::span<const ResultRow> rows);

}  // namespace biplane
