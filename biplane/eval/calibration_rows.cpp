#include "biplane/eval/calibration_rows.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "biplane/eval/calibration.h"
#include "biplane/eval/module_figures.h"
#include "biplane/eval/operating_points.h"

namespace biplane {
namespace {

// Measured at every operating point.
constexpr std::array<const char*, 4> kAtPoint{"sensitivity", "specificity", "precision",
                                              "accuracy"};

// The column of the same views, of the same population if there is one.
const PredictedColumn* choosing_column(const HeadPredictions& choosing,
                                       const PredictedColumn& column) {
  const PredictedColumn* found = nullptr;
  for (const PredictedColumn& one : choosing.columns) {
    if (one.views != column.views || !one.note.empty()) continue;
    if (found == nullptr || one.population == column.population) found = &one;
  }
  return found;
}

// What the choosing studies say about one class; nothing where they cannot.
struct Choice {
  std::vector<OperatingPoint> points;
  PlattScaling platt;
};

std::optional<Choice> choose(const PredictedColumn* column, std::size_t of, std::size_t classes,
                             const CalibrationInput& input) {
  if (column == nullptr) return std::nullopt;
  const ClassRows known = class_rows(*column, of, classes);
  if (!known.both_kinds()) return std::nullopt;
  return Choice{choose_operating_points(known.probability, known.positive, input.at_sensitivity,
                                        input.at_specificity),
                fit_platt(known.probability, known.positive)};
}

// Figures of one column, class by class; those of equal metric and operating point have a mean.
class ColumnFigures {
 public:
  ColumnFigures(const CalibrationInput& input, const PredictedColumn& column)
      : input_(input), column_(column) {}

  void add_class(std::size_t of, const std::optional<Choice>& choice) {
    const ClassRows known = class_rows(column_, of, input_.measured.classes.size());
    ResultRow row = make_row("brier", input_.measured.classes[of]);
    row.positives = known.positives;
    const std::string note = !choice ? "the studies that choose have not both kinds"
                                     : "no study of this column has a known label";
    std::vector<FigurePart> errors;
    for (std::size_t i = 0; choice && i < known.rows.size(); ++i) {
      const double error = choice->platt.probability(known.probability[i]) - known.positive[i];
      errors.push_back({known.rows[i], error * error, 1});
    }
    add(row, std::move(errors), note);
    if (choice) {
      for (const OperatingPoint& point : choice->points) add_point(row, known, point);
    } else {
      for (const std::string& name :
           operating_point_names(input_.at_sensitivity, input_.at_specificity))
        add_undefined(row, name, note);
    }
  }

  std::vector<ResultRow> measure(const BootstrapOptions& bootstrap, int threads) {
    for (const auto& [key, of] : means_) {
      ResultRow row = make_row(key.first, "macro");
      row.operating_point = key.second;
      figures_.add_mean(std::move(row), of);
    }
    return figures_.measure(column_.patients, bootstrap, threads);
  }

  ResultRow make_row(const std::string& metric, const std::string& label) const {
    ResultRow row;
    row.task = "calibration";
    row.condition = input_.measured.task;
    row.views = column_.views;
    row.population = column_.population;
    row.metric = metric;
    row.label = label;
    return row;
  }

 private:
  void add(const ResultRow& row, std::vector<FigurePart> parts, const std::string& note) {
    means_[{row.metric, row.operating_point}].push_back(figures_.add(row, std::move(parts), note));
  }

  // So that the means count the classes for which nothing could be chosen.
  void add_undefined(ResultRow row, const std::string& name, const std::string& note) {
    row.operating_point = name;
    for (const char* metric : kAtPoint) {
      row.metric = metric;
      add(row, {}, note);
    }
  }

  void add_point(ResultRow row, const ClassRows& known, const OperatingPoint& point) {
    row.operating_point = point.name;
    row.threshold = point.threshold;
    std::vector<FigurePart> sensitivity, specificity, precision, accuracy;
    for (std::size_t i = 0; i < known.rows.size(); ++i) {
      const bool called = known.probability[i] >= point.threshold, is = known.positive[i] != 0;
      const auto part = [&](bool right) { return FigurePart{known.rows[i], right ? 1.0 : 0.0, 1}; };
      (is ? sensitivity : specificity).push_back(part(called == is));
      accuracy.push_back(part(called == is));
      if (called && known.positives > 0) precision.push_back(part(is));
    }
    const std::array<std::pair<std::vector<FigurePart>*, const char*>, kAtPoint.size()> figures{
        {{&sensitivity, "no positive study"},
         {&specificity, "no negative study"},
         {&precision, "no positive study, or none is called so"},
         {&accuracy, "no study of this column has a known label"}}};
    for (std::size_t i = 0; i < figures.size(); ++i) {
      row.metric = kAtPoint[i];
      add(row, std::move(*figures[i].first), figures[i].second);
    }
  }

  const CalibrationInput& input_;
  const PredictedColumn& column_;
  FigureTable figures_;
  std::map<std::pair<std::string, std::string>, std::vector<FigureTable::Figure>> means_;
};

// The calibration error is no mean over studies, so its repeats are computed one by one.
ResultRow ece_row(ResultRow row, const ClassRows& known, const std::vector<double>& probability,
                  const PatientBootstrap& bootstrap) {
  row.n = static_cast<std::int64_t>(known.rows.size());
  row.positives = known.positives;
  row.value = ece15(probability, known.positive);
  set_repeats(row, bootstrap.replicate([&](Values weight) {
    std::vector<double> own;
    for (const std::int64_t place : known.rows)
      own.push_back(weight[static_cast<std::size_t>(place)]);
    return ece15(probability, known.positive, own);
  }));
  return row;
}

}  // namespace

CalibrationResult calibration_rows(const CalibrationInput& input, const BootstrapOptions& bootstrap,
                                   int threads) {
  CalibrationResult result;
  const std::size_t classes = input.measured.classes.size();
  for (const PredictedColumn& column : input.measured.columns) {
    ColumnFigures figures(input, column);
    if (!column.note.empty() || column.patients.empty()) {
      result.rows.push_back(figures.make_row("ece", "macro"));
      result.rows.back().note = column.note.empty() ? "no study" : column.note;
      continue;
    }
    const PredictedColumn* other = choosing_column(input.choosing, column);
    const PatientBootstrap draws(column.patients, bootstrap);
    std::vector<ResultRow> errors;
    for (std::size_t c = 0; c < classes; ++c) {
      const std::optional<Choice> choice = choose(other, c, classes, input);
      figures.add_class(c, choice);
      const ClassRows known = class_rows(column, c, classes);
      errors.push_back(figures.make_row("ece", input.measured.classes[c]));
      if (!choice || known.rows.empty()) {
        errors.back().note = "the studies that choose have not both kinds, or none is known";
        continue;
      }
      std::vector<double> probability;
      for (const double score : known.probability)
        probability.push_back(choice->platt.probability(score));
      errors.back() = ece_row(errors.back(), known, probability, draws);
      result.reliability.push_back(
          {input.measured.classes[c],
           column.views,
           column.population,
           {{input.measured.task, reliability_curve(probability, known.positive)}}});
    }
    result.rows.push_back(mean_row(figures.make_row("ece", "macro"), errors));
    result.rows.insert(result.rows.end(), errors.begin(), errors.end());
    for (ResultRow& row : figures.measure(bootstrap, threads))
      result.rows.push_back(std::move(row));
  }
  return result;
}

}  // namespace biplane
