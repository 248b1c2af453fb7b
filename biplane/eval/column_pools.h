#pragma once

#include <cstdint>
#include <span>

#include "biplane/eval/columns.h"
#include "biplane/eval/recall_rows.h"

namespace biplane {

// Images of a column and their reports in one pool. The places are those of the column's rows,
// which have reports; its features are defined.
PoolTable column_table(const EvaluationInput& input, const ViewColumn& column,
                       std::span<const std::int64_t> places);

// The search of a column in pools of its rows, all candidates of a pool. The column must outlive
// it.
PoolSearch column_search(const EvaluationInput& input, const ViewColumn& column,
                         RetrievalPools pools);

// Adds the rows of a search. Of a column that means nothing one row without a value
// (recall_at_10), and no recalls.
std::vector<MeasuredRecall> add_column_rows(const EvaluationInput& input, const ViewColumn& column,
                                            const PoolSearch& search, std::vector<ResultRow>& rows);

}  // namespace biplane
