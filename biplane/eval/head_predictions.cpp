#include "biplane/eval/head_predictions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/eval/json_lines.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

Json head_line(const HeadPredictions& predictions) {
  Json json;
  json["task"] = predictions.task;
  json["kind"] = predictions.kind;
  json["classes"] = predictions.classes;
  json["thresholds"] = predictions.thresholds;
  Json columns = Json::array();
  for (const PredictedColumn& column : predictions.columns)
    columns.push_back(
        {{"views", column.views}, {"population", column.population}, {"note", column.note}});
  json["columns"] = columns;
  return json;
}

Json study_line(const PredictedColumn& column, std::size_t row, std::size_t classes) {
  Json json;
  json["views"] = column.views;
  json["population"] = column.population;
  json["study"] = column.studies[row];
  json["patient"] = column.patients[row];
  Json probability = Json::array(), truth = Json::array();
  for (std::size_t c = row * classes; c < (row + 1) * classes; ++c) {
    probability.push_back(column.probability[c]);
    truth.push_back(std::isnan(column.truth[c]) ? Json(nullptr) : Json(column.truth[c]));
  }
  json["probability"] = probability;
  json["truth"] = truth;
  return json;
}

HeadPredictions parse_head(const Json& json) {
  HeadPredictions predictions;
  predictions.task = json.at("task");
  predictions.kind = json.at("kind");
  predictions.classes = json.at("classes").get<std::vector<std::string>>();
  predictions.thresholds = json.at("thresholds").get<std::vector<double>>();
  for (const Json& one : json.at("columns")) {
    PredictedColumn& column = predictions.columns.emplace_back();
    column.views = one.at("views");
    column.population = one.at("population");
    column.note = one.at("note");
  }
  return predictions;
}

void add_study(const Json& json, HeadPredictions& predictions) {
  for (PredictedColumn& column : predictions.columns) {
    if (column.views != json.at("views") || column.population != json.at("population")) continue;
    const Json &probability = json.at("probability"), &truth = json.at("truth");
    if (probability.size() != predictions.classes.size() || truth.size() != probability.size())
      throw Error(ErrorKind::kBadContent, "one number a class is needed");
    column.studies.push_back(json.at("study"));
    column.patients.push_back(json.at("patient"));
    for (const Json& value : probability) column.probability.push_back(value.get<double>());
    for (const Json& value : truth)
      column.truth.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                             : value.get<double>());
    return;
  }
  throw Error(ErrorKind::kBadContent, "a column that the first line does not name");
}

}  // namespace

MulticlassRows multiclass_rows(const PredictedColumn& column, std::size_t classes) {
  MulticlassRows result;
  std::vector<std::int64_t> truth;
  std::vector<double> probability;
  for (std::size_t row = 0; row < column.patients.size(); ++row) {
    const auto begin = column.truth.begin() + static_cast<std::ptrdiff_t>(row * classes),
               end = begin + static_cast<std::ptrdiff_t>(classes);
    const auto of = std::find(begin, end, 1.0);
    if (of == end) continue;
    truth.push_back(of - begin);
    const auto first = column.probability.begin() + static_cast<std::ptrdiff_t>(row * classes);
    probability.insert(probability.end(), first, first + static_cast<std::ptrdiff_t>(classes));
    result.rows.push_back(static_cast<std::int64_t>(row));
  }
  if (!truth.empty())
    result.scores =
        std::make_unique<MulticlassScores>(truth, probability, static_cast<std::int64_t>(classes));
  return result;
}

ClassRows class_rows(const PredictedColumn& column, std::size_t of, std::size_t classes) {
  ClassRows known;
  for (std::size_t row = 0; row < column.patients.size(); ++row) {
    const double truth = column.truth[row * classes + of];
    if (std::isnan(truth)) continue;
    known.probability.push_back(column.probability[row * classes + of]);
    known.positive.push_back(truth == 1 ? 1 : 0);
    known.rows.push_back(static_cast<std::int64_t>(row));
    known.positives += truth == 1;
  }
  return known;
}

std::string undefined_note(const ClassRows& known) {
  if (known.n() == 0) return "no study of this column has a known label";
  if (known.positives == 0) return "no positive study";
  return known.positives == known.n() ? "no negative study" : "";
}

std::vector<double> weights_of(std::span<const double> column,
                               const std::vector<std::int64_t>& rows) {
  std::vector<double> weights;
  weights.reserve(rows.size());
  for (const std::int64_t row : rows) weights.push_back(column[static_cast<std::size_t>(row)]);
  return weights;
}

void write_predictions(const std::filesystem::path& file, const HeadPredictions& predictions) {
  write_file_atomically(file, [&](std::ostream& out) {
    out << json_line(head_line(predictions));
    for (const PredictedColumn& column : predictions.columns) {
      for (std::size_t row = 0; row < column.studies.size(); ++row)
        out << json_line(study_line(column, row, predictions.classes.size()));
    }
  });
}

HeadPredictions read_predictions(const std::filesystem::path& file) {
  HeadPredictions predictions;
  read_json_lines(file, [&](const Json& json, std::int64_t number) {
    if (number == 1) {
      predictions = parse_head(json);
    } else {
      add_study(json, predictions);
    }
  });
  return predictions;
}

}  // namespace biplane
