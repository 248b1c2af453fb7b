#include <algorithm>
#include <memory>
#include <utility>

#include "biplane/eval/calibration.h"
#include "biplane/eval/figure_rows.h"
#include "biplane/eval/head_predictions.h"
#include "biplane/eval/multiclass_metrics.h"

namespace biplane {
namespace {

constexpr double kDefaultThreshold = 0.5;

// The figures of one class; `threshold`: null for classes that exclude each other.
std::vector<Figure> class_figures(std::shared_ptr<const ClassRows> known, const std::string& name,
                                  const double* threshold) {
  const auto ranked = std::make_shared<RankedScores>(known->probability, known->positive);
  const auto on = [known](auto statistic) -> Statistic {
    return [known, statistic](Values weight) -> std::optional<double> {
      return statistic(weights_of(weight, known->rows));
    };
  };
  std::vector<std::pair<std::string, Statistic>> wanted = {
      {"auroc", on([ranked](const auto& weight) { return ranked->auroc(weight); })},
      {"average_precision",
       on([ranked](const auto& weight) { return ranked->average_precision(weight); })}};
  if (threshold) {
    const auto counts = [known, at = *threshold](const std::vector<double>& weight) {
      return confusion(known->probability, known->positive, at, weight);
    };
    wanted.emplace_back("accuracy",
                        on([counts](const auto& weight) { return accuracy(counts(weight)); }));
    wanted.emplace_back("f1_macro", on([counts](const auto& weight) {
                          return std::optional<double>(macro_f1(counts(weight)));
                        }));
    wanted.emplace_back("ece", on([known](const auto& weight) {
                          return ece15(known->probability, known->positive, weight);
                        }));
    wanted.emplace_back("brier", on([known](const auto& weight) {
                          return brier(known->probability, known->positive, weight);
                        }));
  }
  std::vector<Figure> figures;
  for (auto& [metric, statistic] : wanted)
    figures.push_back(
        {metric, name, statistic, known->n(), known->positives, undefined_note(*known)});
  return figures;
}

std::vector<Figure> exclusive_figures(const PredictedColumn& column, std::size_t classes) {
  const auto data = std::make_shared<const MulticlassRows>(multiclass_rows(column, classes));
  const std::string note = data->scores ? "" : "no study of this column has a known label";
  const auto on = [data](auto statistic) -> Statistic {
    return [data, statistic](Values weight) -> std::optional<double> {
      return statistic(*data->scores, weights_of(weight, data->rows));
    };
  };
  const auto n = static_cast<std::int64_t>(data->rows.size());
  std::vector<Figure> figures;
  const auto add = [&](const char* metric, Statistic statistic) {
    figures.push_back({metric, "all", std::move(statistic), n, {}, note});
  };
  add("accuracy", on([](const auto& scores, const auto& w) { return scores.accuracy(w); }));
  add("f1_macro", on([](const auto& scores, const auto& w) {
        return std::optional<double>(scores.macro_f1(/*all_classes=*/false, w));
      }));
  add("ece", on([](const auto& scores, const auto& w) { return scores.ece15(w); }));
  add("brier", on([](const auto& scores, const auto& w) { return scores.brier(w); }));
  return figures;
}

std::vector<Figure> column_figures(const HeadPredictions& head, const PredictedColumn& column) {
  const std::size_t classes = head.classes.size();
  const bool multilabel = head.kind == "multilabel";
  std::vector<Figure> figures;
  for (std::size_t c = 0; c < classes; ++c) {
    const auto known = std::make_shared<const ClassRows>(class_rows(column, c, classes));
    const double* threshold = multilabel ? &head.thresholds.at(c) : nullptr;
    for (Figure& figure : class_figures(known, head.classes[c], threshold))
      figures.push_back(std::move(figure));
  }
  if (!multilabel) {
    for (Figure& figure : exclusive_figures(column, classes)) figures.push_back(std::move(figure));
  }
  return figures;
}

ResultRow make_row(const HeadPredictions& head, const PredictedColumn& column) {
  ResultRow row;
  row.task = head.task;
  row.views = column.views;
  row.population = column.population;
  return row;
}

std::vector<ResultRow> column_rows(const HeadPredictions& head, const PredictedColumn& column,
                                   const BootstrapOptions& options, int threads) {
  return figure_rows(column_figures(head, column), column.patients, make_row(head, column), options,
                     threads);
}

}  // namespace

std::vector<ResultRow> head_rows(const HeadPredictions& predictions,
                                 const BootstrapOptions& bootstrap, int threads) {
  std::vector<ResultRow> rows;
  for (const PredictedColumn& column : predictions.columns) {
    if (!column.note.empty()) {
      ResultRow row = make_row(predictions, column);
      const bool multilabel = predictions.kind == "multilabel";
      row.metric = multilabel ? "auroc" : "accuracy";
      row.label = multilabel ? "macro" : "all";
      row.note = column.note;
      rows.push_back(std::move(row));
      continue;
    }
    for (ResultRow& row : column_rows(predictions, column, bootstrap, threads))
      rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<double> youden_thresholds(const PredictedColumn& column, std::size_t classes) {
  std::vector<double> thresholds;
  for (std::size_t c = 0; c < classes; ++c) {
    const ClassRows known = class_rows(column, c, classes);
    const auto point = youden(known.probability, known.positive);
    thresholds.push_back(point && point->threshold ? *point->threshold : kDefaultThreshold);
  }
  return thresholds;
}

std::optional<double> selection_metric(const PredictedColumn& column, const std::string& kind,
                                       std::size_t classes) {
  if (kind == "multiclass") {
    const MulticlassRows data = multiclass_rows(column, classes);
    return data.scores ? data.scores->accuracy() : std::nullopt;
  }
  double sum = 0;
  std::int64_t defined = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    const ClassRows known = class_rows(column, c, classes);
    const auto area = auroc(known.probability, known.positive);
    sum += area.value_or(0);
    defined += area.has_value();
  }
  if (defined == 0) return std::nullopt;
  return sum / static_cast<double>(defined);
}

}  // namespace biplane
