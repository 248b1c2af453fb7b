#include "biplane/eval/columns.h"

#include <numeric>

#include "biplane/model/losses.h"

namespace biplane {

torch::Tensor index_tensor(const std::vector<std::int64_t>& rows) {
  return torch::tensor(at::ArrayRef<std::int64_t>(rows), torch::kInt64);
}

std::vector<std::int64_t> rows_where(const torch::Tensor& flags) {
  const torch::Tensor rows = flags.nonzero().flatten().contiguous();
  return {rows.data_ptr<std::int64_t>(), rows.data_ptr<std::int64_t>() + rows.numel()};
}

std::optional<std::vector<std::int64_t>> other_patients(const std::vector<std::int64_t>& rows,
                                                        const EvaluationInput& input) {
  std::vector<std::int64_t> others;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::size_t step = 1;
    const std::string& patient = study_of(input, rows[i]).patient_id;
    while (step < rows.size() &&
           study_of(input, rows[(i + step) % rows.size()]).patient_id == patient)
      ++step;
    if (step == rows.size()) return std::nullopt;
    others.push_back(rows[(i + step) % rows.size()]);
  }
  return others;
}

namespace {

// Builds columns of the features at hand.
class ColumnMaker {
 public:
  explicit ColumnMaker(const EvaluationInput& input) : input_(input), features_(input.features) {}

  ViewColumn one_view(bool lateral, const std::vector<std::int64_t>& rows,
                      const std::string& population) const {
    const torch::Tensor& all = lateral ? features_.lateral : features_.frontal;
    const std::string note = untrained(!lateral, lateral);
    if (!note.empty()) return {lateral ? "lateral" : "frontal", population, rows, {}, note};
    return {lateral ? "lateral" : "frontal",
            population,
            rows,
            unit(all.index_select(0, index_tensor(rows))),
            {}};
  }

  // laterals: the row that each study's lateral is taken from.
  ViewColumn fused(const std::string& views, const std::vector<std::int64_t>& rows,
                   const std::vector<std::int64_t>& laterals, bool hide_lateral) const {
    const torch::Tensor own = index_tensor(rows), other = index_tensor(laterals);
    torch::Tensor has_lateral = features_.has_lateral.index_select(0, other);
    if (hide_lateral) has_lateral = torch::zeros_like(has_lateral);
    const torch::Tensor has_frontal = features_.has_frontal.index_select(0, own);
    const std::string note = untrained_fusion(has_frontal, has_lateral);
    if (!note.empty()) return {views, {}, rows, {}, note};
    torch::Tensor fused =
        input_.engine.fuse(features_.frontal.index_select(0, own),
                           features_.lateral.index_select(0, other), has_frontal, has_lateral);
    return {views, {}, rows, unit(fused), {}, fused};
  }

  void add_paired(const std::vector<std::int64_t>& rows, std::vector<ViewColumn>& columns) const {
    columns.push_back(one_view(false, rows, {}));
    columns.push_back(one_view(true, rows, {}));
    columns.push_back(fused("both", rows, rows, false));
    columns.push_back(fused("lateral_missing", rows, rows, true));
    if (const auto others = other_patients(rows, input_)) {
      columns.push_back(fused("both_lateral_swapped", rows, *others, false));
    } else {
      columns.push_back(
          {"both_lateral_swapped", {}, rows, {}, "all studies with both views are of one patient"});
    }
  }

  void add_all(std::vector<ViewColumn>& columns) const {
    const std::vector<std::int64_t> frontal = rows_where(features_.has_frontal),
                                    lateral = rows_where(features_.has_lateral);
    if (!frontal.empty()) columns.push_back(one_view(false, frontal, "all"));
    if (!lateral.empty()) columns.push_back(one_view(true, lateral, "all"));
    std::vector<std::int64_t> rows(static_cast<std::size_t>(features_.size()));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    columns.push_back(fused(lateral.empty() ? "lateral_missing" : "both", rows, rows, false));
    columns.back().population = "all";
  }

 private:
  const ModelProvenance& provenance() const { return input_.engine.description().provenance; }

  // Why a feature of these views means nothing; empty where it does mean something.
  std::string untrained(bool frontal, bool lateral) const {
    if (frontal && !provenance().frontal_trained) return "training never used frontals";
    if (lateral && !provenance().lateral_trained) return "training never used laterals";
    return "";
  }

  // The same for the fused feature of studies with and without each view.
  std::string untrained_fusion(const torch::Tensor& has_frontal,
                               const torch::Tensor& has_lateral) const {
    if (!provenance().fusion_trained) return "training never used the fused feature";
    const auto any = [](const torch::Tensor& flags) { return flags.any().item<bool>(); };
    const std::string note = untrained(any(has_frontal), any(has_lateral));
    if (!note.empty()) return note;
    const auto lacks = [&](const torch::Tensor& flags) { return any(flags.logical_not()); };
    if (lacks(has_frontal) && !provenance().absent_frontal_trained)
      return "training never used the vector for an absent frontal";
    if (lacks(has_lateral) && !provenance().absent_lateral_trained)
      return "training never used the vector for an absent lateral";
    return "";
  }

  const EvaluationInput& input_;
  const StudyFeatures& features_;
};

}  // namespace

const Study& study_of(const EvaluationInput& input, std::int64_t row) {
  return input.studies.at(static_cast<std::size_t>(row));
}

std::vector<ViewColumn> view_columns(const EvaluationInput& input) {
  const ColumnMaker maker(input);
  const std::vector<std::int64_t> paired =
      rows_where(input.features.has_frontal & input.features.has_lateral);
  std::vector<ViewColumn> columns;
  if (!paired.empty()) maker.add_paired(paired, columns);
  if (static_cast<std::int64_t>(paired.size()) < input.features.size()) maker.add_all(columns);
  return columns;
}

bool is_whole(const ViewColumn& column) {
  return column.views == "both" ||
         (column.views == "lateral_missing" && column.population == "all");
}

ViewColumn filter_column(const ViewColumn& column, const std::vector<std::uint8_t>& keep) {
  ViewColumn kept{column.views, column.population, {}, {}, column.note};
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < column.rows.size(); ++i) {
    if (keep.at(static_cast<std::size_t>(column.rows[i])) == 0) continue;
    kept.rows.push_back(column.rows[i]);
    places.push_back(static_cast<std::int64_t>(i));
  }
  if (column.features.defined())
    kept.features = column.features.index_select(0, index_tensor(places));
  if (column.fused.defined()) kept.fused = column.fused.index_select(0, index_tensor(places));
  return kept;
}

std::vector<std::string> patients_of(const ViewColumn& column, const EvaluationInput& input) {
  std::vector<std::string> patients;
  for (const std::int64_t row : column.rows) patients.push_back(study_of(input, row).patient_id);
  return patients;
}

}  // namespace biplane
