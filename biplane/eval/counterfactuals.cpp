#include "biplane/eval/counterfactuals.h"

#include <algorithm>
#include <map>

#include "biplane/eval/columns.h"
#include "biplane/eval/module_tables.h"

namespace biplane {
namespace {

constexpr const char* kFile = "counterfactual.jsonl";

// Indices into `changed` of the studies whose original was evaluated and whose finding has prompts.
std::vector<std::int64_t> choose(const EvaluationInput& input, const Manifest& changed,
                                 const std::map<std::string, std::int64_t>& row_of) {
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < changed.size(); ++i) {
    const std::optional<Counterfactual> of = changed.study(i).counterfactual;
    if (of && row_of.contains(of->of) && input.prompts->find(of->removed) != nullptr)
      chosen.push_back(i);
  }
  return chosen;
}

StudyFeatures rows_of(const StudyFeatures& features, const std::vector<std::int64_t>& rows) {
  const torch::Tensor index = index_tensor(rows);
  const auto take = [&](const torch::Tensor& x) { return x.index_select(0, index); };
  StudyFeatures part;
  for (const std::int64_t row : rows)
    part.studies.push_back(features.studies[static_cast<std::size_t>(row)]);
  part.frontal = take(features.frontal);
  part.lateral = take(features.lateral);
  part.text = take(features.text);
  part.has_frontal = take(features.has_frontal);
  part.has_lateral = take(features.has_lateral);
  part.has_report = take(features.has_report);
  return part;
}

// (C,D): row c . study feature = the score of class c.
torch::Tensor directions(const EvaluationInput& input) {
  const PromptFeatures prompts = input.engine.encode_prompts(*input.prompts);
  return input.prompts->ranking == Ranking::kMargin ? prompts.positive - prompts.negative
                                                    : prompts.positive;
}

std::vector<double> scores(const ViewColumn& column, const torch::Tensor& direction) {
  if (!column.features.defined()) return {};
  const torch::Tensor values =
      (column.features.to(torch::kFloat64) * direction.to(torch::kFloat64)).sum(1).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

// Pairs of a study and the same one without a finding, row by row.
struct Pairs {
  StudyFeatures with, without;
  std::vector<Study> with_studies, without_studies;
  std::vector<std::string> removed, patients;
  torch::Tensor direction;  // (pairs, D)
};

Pairs make_pairs(const EvaluationInput& input, const Manifest& changed, StudyFeatures features,
                 const std::map<std::string, std::int64_t>& row_of) {
  Pairs pairs;
  pairs.without = std::move(features);
  std::vector<std::int64_t> originals, classes;
  pairs.without_studies = changed.studies(pairs.without.studies);
  for (const Study& study : pairs.without_studies) {
    originals.push_back(row_of.at(study.counterfactual->of));
    pairs.removed.push_back(study.counterfactual->removed);
    pairs.with_studies.push_back(study_of(input, originals.back()));
    pairs.patients.push_back(pairs.with_studies.back().patient_id);
    classes.push_back(input.prompts->find(pairs.removed.back()) - input.prompts->classes.data());
  }
  pairs.with = rows_of(input.features, originals);
  pairs.direction = directions(input).index_select(0, index_tensor(classes));
  return pairs;
}

std::vector<CounterfactualColumn> columns_of(const EvaluationInput& input, const Manifest& changed,
                                             const Pairs& pairs) {
  const EvaluationInput with{.engine = input.engine,
                             .manifest = input.manifest,
                             .features = pairs.with,
                             .studies = pairs.with_studies};
  const EvaluationInput without{.engine = input.engine,
                                .manifest = changed,
                                .features = pairs.without,
                                .studies = pairs.without_studies};
  const std::vector<ViewColumn> before = view_columns(with), after = view_columns(without);
  std::vector<CounterfactualColumn> columns;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const ViewColumn& column = before[i];
    // The other patient's lateral would have to be the same in both.
    if (!column.population.empty() || column.views == "both_lateral_swapped") continue;
    columns.push_back({column.views, column.note, scores(column, pairs.direction),
                       scores(after[i], pairs.direction)});
  }
  return columns;
}

}  // namespace

void add_counterfactuals(const EvaluationInput& input, EvaluationOutput& output) {
  const std::filesystem::path file = input.manifest.path().parent_path() / kFile;
  if (!std::filesystem::exists(file) || input.prompts == nullptr) {
    output.notes.push_back("modules/counterfactual: skipped, " +
                           (input.prompts == nullptr
                                ? std::string("there is no prompt file for the labels")
                                : file.string() + " is not there"));
    return;
  }
  const Manifest changed = Manifest::read(file, input.manifest.root());
  std::map<std::string, std::int64_t> row_of;  // studies with both views
  for (const std::int64_t row : rows_where(input.features.has_frontal & input.features.has_lateral))
    row_of.emplace(study_of(input, row).study_id, row);
  const std::vector<std::int64_t> chosen = choose(input, changed, row_of);
  if (chosen.empty()) {
    output.notes.push_back("modules/counterfactual: skipped, " + file.string() +
                           " has no study whose original was evaluated");
    return;
  }
  const Pairs pairs = make_pairs(input, changed, input.engine.encode(changed, chosen), row_of);
  const FigureTable figures =
      counterfactual_figures(columns_of(input, changed, pairs), pairs.removed);
  for (ResultRow& row : figures.measure(pairs.patients, input.bootstrap, input.engine.threads()))
    output.rows.push_back(std::move(row));
}

}  // namespace biplane
