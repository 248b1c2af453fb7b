#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "biplane/eval/evaluator.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// One column of the tables: what the model was shown of which studies.
struct ViewColumn {
  std::string views;       // frontal, lateral, both, lateral_missing, both_lateral_swapped
  std::string population;  // empty: studies with both views; "all": also the others, as far as they
                           // have the view
  std::vector<std::int64_t> rows;  // of StudyFeatures
  torch::Tensor features;  // (rows, D) f32, normalised; undefined where the column means nothing
  std::string note;        // why it means nothing
  torch::Tensor fused{};   // (rows, D) f32 before normalisation; undefined for one view
};

// The columns that the studies allow. frontal, lateral, both, lateral_missing (the fused feature
// with the vector for an absent lateral) and both_lateral_swapped (each study with the lateral of
// another patient) are over the same studies, those with both views. Where others exist, frontal,
// lateral and both follow over all studies that have what the column needs; where no study has a
// lateral, lateral_missing stands in the place of both.
std::vector<ViewColumn> view_columns(const EvaluationInput& input);

// Whether it is what the model makes of studies as they are.
bool is_whole(const ViewColumn& column);

// The same without studies for which `keep` (one entry a row of StudyFeatures) is 0.
ViewColumn filter_column(const ViewColumn& column, const std::vector<std::uint8_t>& keep);

// Patients of a column's rows, for the bootstrap.
std::vector<std::string> patients_of(const ViewColumn& column, const EvaluationInput& input);

// For each of these rows the next one (going round) of another patient; nothing where all are one
// patient's.
std::optional<std::vector<std::int64_t>> other_patients(const std::vector<std::int64_t>& rows,
                                                        const EvaluationInput& input);

// (rows) i64 and back.
torch::Tensor index_tensor(const std::vector<std::int64_t>& rows);
std::vector<std::int64_t> rows_where(const torch::Tensor& flags);

const Study& study_of(const EvaluationInput& input, std::int64_t row);

}  // namespace biplane
