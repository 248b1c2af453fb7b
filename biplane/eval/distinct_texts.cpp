#include "biplane/eval/distinct_texts.h"

#include <numeric>

#include "biplane/eval/drawn_rows.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/recall_rows.h"
#include "biplane/eval/report_groups.h"
#include "biplane/model/losses.h"

namespace biplane {
namespace {

// The distinct reports of a column's studies.
struct DistinctTexts {
  std::vector<std::int64_t> of_place;   // the number of each study's text
  std::vector<std::int64_t> first_row;  // of the features; of the first study with each text
};

DistinctTexts distinct_texts(const EvaluationInput& input, const ViewColumn& column) {
  DistinctTexts texts;
  texts.of_place = report_groups(input, column.rows);
  for (std::size_t place = 0; place < column.rows.size(); ++place) {
    if (texts.of_place[place] == std::ssize(texts.first_row))
      texts.first_row.push_back(column.rows[place]);
  }
  return texts;
}

// The rank of the own text of the studies at these places.
std::vector<std::int64_t> text_ranks(const EvaluationInput& input, const ViewColumn& column,
                                     const DistinctTexts& texts,
                                     const std::vector<std::int64_t>& places) {
  const torch::Tensor candidates =
      unit(input.features.text.index_select(0, index_tensor(texts.first_row))).to(torch::kFloat64);
  const torch::Tensor images = column.features.to(torch::kFloat64);
  std::vector<std::int64_t> numbers(texts.first_row.size());
  std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
  std::vector<std::int64_t> ranks(places.size());
  input.engine.for_each(std::ssize(places), [&](std::int64_t query) {
    const std::int64_t place = places[static_cast<std::size_t>(query)];
    const torch::Tensor similarity = candidates.mv(images[place]).contiguous();
    const Values row(similarity.const_data_ptr<double>(), numbers.size());
    const std::span<const std::int64_t> own =
        std::span(texts.of_place).subspan(static_cast<std::size_t>(place), 1);
    ranks[static_cast<std::size_t>(query)] = retrieval_ranks({row, own, numbers}).front();
  });
  return ranks;
}

ResultRow text_row(const ViewColumn& column, const DistinctTexts& texts, std::size_t queries) {
  ResultRow row;
  row.task = "retrieval";
  row.views = column.views;
  row.population = column.population;
  row.direction = "image_to_text";
  row.candidates = "distinct_texts";
  row.pool = std::ssize(texts.first_row);
  row.n = static_cast<std::int64_t>(queries);
  row.note = drawn_note(queries, column.rows.size());
  return row;
}

void add_column(const EvaluationInput& input, const ViewColumn& column,
                std::vector<ResultRow>& rows) {
  const DistinctTexts texts = distinct_texts(input, column);
  if (texts.first_row.size() < 2) return;
  const std::vector<std::int64_t> places = drawn_places(input, column.rows, input.most_queries);
  const ResultRow model = text_row(column, texts, places.size());
  if (!column.features.defined()) {
    rows.push_back(model);
    rows.back().metric = "recall_at_10";
    rows.back().note = column.note;
    return;
  }
  std::vector<std::string> patients;
  for (const std::int64_t place : places)
    patients.push_back(study_of(input, column.rows[static_cast<std::size_t>(place)]).patient_id);
  add_recall_rows(model, text_ranks(input, column, texts, places),
                  PatientBootstrap(patients, input.bootstrap), rows);
}

}  // namespace

void add_distinct_texts(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
                        EvaluationOutput& output) {
  for (const ViewColumn& column : columns) add_column(input, column, output.rows);
}

}  // namespace biplane
