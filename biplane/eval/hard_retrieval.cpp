#include "biplane/eval/hard_retrieval.h"

#include <fmt/format.h>

#include <algorithm>

#include "biplane/eval/column_pools.h"
#include "biplane/eval/report_groups.h"
#include "biplane/eval/study_findings.h"

namespace biplane {
namespace {

// Of every row of the features.
std::vector<ReportKind> report_kinds(const EvaluationInput& input) {
  std::vector<ReportKind> kinds;
  for (const Study& study : input.studies) {
    const std::string text = normalised_report(study.report.text);
    kinds.push_back({{}, std::count(text.begin(), text.end(), ' ') + 1});
    if (const auto findings = true_findings(study))
      kinds.back().findings = count_findings(*findings);
  }
  return kinds;
}

RetrievalPools pools_of(const ViewColumn& column, const std::vector<ReportKind>& kinds,
                        std::int64_t wanted) {
  std::vector<ReportKind> own;
  for (const std::int64_t row : column.rows) own.push_back(kinds[static_cast<std::size_t>(row)]);
  return draw_hard_pools(own, wanted);
}

std::string left_out_note(const ViewColumn& column, const RetrievalPools& pools) {
  constexpr const char* kAlike =
      "as many findings and reports of a length within 10 % (hard retrieval";
  if (pools.size == 0)
    return fmt::format("retrieval: too few of {} studies have {}, skipped)", column.rows.size(),
                       kAlike);
  return fmt::format("retrieval: {} of {} studies fill no pool of {} that have {})", pools.left_out,
                     column.rows.size(), pools.size, kAlike);
}

}  // namespace

void add_hard_retrieval(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
                        EvaluationOutput& output) {
  const std::vector<ReportKind> kinds = report_kinds(input);
  const bool any_known = std::any_of(
      kinds.begin(), kinds.end(), [](const ReportKind& kind) { return kind.findings.has_value(); });
  if (!any_known) return;
  bool noted = false;
  for (const ViewColumn& column : columns) {
    PoolSearch search = column_search(input, column, pools_of(column, kinds, input.pool));
    if (is_whole(column) && !noted && !column.rows.empty()) {
      noted = true;
      if (search.pools.left_out > 0 || search.pools.size == 0)
        output.notes.push_back(left_out_note(column, search.pools));
    }
    if (search.pools.size == 0) continue;
    search.model.condition = "hard";
    add_column_rows(input, column, search, output.rows);
  }
}

}  // namespace biplane
