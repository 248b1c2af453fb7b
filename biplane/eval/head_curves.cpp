#include "biplane/eval/head_curves.h"

#include <algorithm>

namespace biplane {
namespace {

// The columns that a reader is shown.
std::vector<const PredictedColumn*> shown_columns_of(const HeadPredictions& predictions) {
  std::vector<const PredictedColumn*> shown;
  for (const PredictedColumn& column : predictions.columns) {
    if (!column.note.empty()) continue;
    const bool twin = std::any_of(
        predictions.columns.begin(), predictions.columns.end(), [&](const PredictedColumn& other) {
          return other.views == column.views && other.population.empty() && other.note.empty();
        });
    if (column.population.empty() || !twin) shown.push_back(&column);
  }
  return shown;
}

}  // namespace

HeadCurves head_curves(const HeadPredictions& predictions) {
  HeadCurves curves{predictions.task, {}};
  const std::size_t classes = predictions.classes.size();
  for (std::size_t of = 0; of < classes; ++of) {
    FindingCurves& finding = curves.classes.emplace_back();
    finding.finding = predictions.classes[of];
    for (const PredictedColumn* column : shown_columns_of(predictions)) {
      const ClassRows known = class_rows(*column, of, classes);
      if (!known.both_kinds()) continue;
      const RankedScores ranked(known.probability, known.positive);
      finding.roc.push_back({column->views, ranked.roc()});
      finding.precision_recall.push_back({column->views, ranked.precision_recall()});
      finding.positives = known.positives;
      finding.studies = known.n();
    }
  }
  return curves;
}

std::vector<ConfusionTable> head_confusions(const HeadPredictions& predictions) {
  std::vector<ConfusionTable> tables;
  if (predictions.kind != "multiclass") return tables;
  for (const PredictedColumn* column : shown_columns_of(predictions)) {
    const MulticlassRows known = multiclass_rows(*column, predictions.classes.size());
    if (known.scores == nullptr) continue;
    tables.push_back({predictions.task, column->views, column->population, predictions.classes,
                      known.scores->confusion()});
  }
  return tables;
}

}  // namespace biplane
