#include "biplane/eval/model_comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "biplane/eval/figure_rows.h"
#include "biplane/eval/paired_tests.h"
#include "biplane/eval/score_evaluators.h"

namespace biplane {
namespace {

constexpr const char* kDifference = "auroc_difference";

// Where the names that two lists have in common stand in each.
using CommonPlaces = std::vector<std::pair<std::size_t, std::size_t>>;

CommonPlaces common_places(const std::vector<std::string>& own,
                           const std::vector<std::string>& other) {
  std::map<std::string_view, std::size_t> of_other;
  for (std::size_t i = 0; i < other.size(); ++i) of_other.emplace(other[i], i);
  CommonPlaces places;
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto found = of_other.find(own[i]);
    if (found != of_other.end()) places.emplace_back(i, found->second);
  }
  return places;
}

// The names that only one of two lists has, with commas.
std::string names_apart(const std::vector<std::string>& own,
                        const std::vector<std::string>& other) {
  std::string text;
  for (const auto* list : {&own, &other}) {
    const auto& against = list == &own ? other : own;
    for (const std::string& name : *list)
      if (std::find(against.begin(), against.end(), name) == against.end())
        text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::vector<std::string> column_names(const HeadPredictions& head) {
  std::vector<std::string> names;
  for (const PredictedColumn& column : head.columns)
    names.push_back(column.views + " " + column.population);
  return names;
}

// Two models in one column: the same rows, classes and truth.
struct PairedColumn {
  PredictedColumn own, other;
  std::int64_t unlike = 0;  // labels that the two read differently; unknown here
};

bool one_a_patient(const std::vector<std::string>& patients,
                   const std::vector<std::int64_t>& rows) {
  std::set<std::string_view> seen;
  return std::all_of(rows.begin(), rows.end(), [&](std::int64_t row) {
    return seen.insert(patients[static_cast<std::size_t>(row)]).second;
  });
}

// A statistic of both models at once, so that each draw of patients is the same for both.
Figure difference_figure(const ClassRows& own, const ClassRows& other, const std::string& name) {
  Statistic statistic = [first = RankedScores(own.probability, own.positive),
                         second = RankedScores(other.probability, other.positive),
                         rows = own.rows](Values weight) -> std::optional<double> {
    const std::vector<double> known = weights_of(weight, rows);
    const std::optional<double> a = first.auroc(known), b = second.auroc(known);
    if (!a || !b) return std::nullopt;
    return *a - *b;
  };
  return {kDifference, name, std::move(statistic), own.n(), own.positives, undefined_note(own)};
}

// Gives the row of a class its p, or a note of why there is none.
void add_p(const ClassRows& own, const ClassRows& other, const std::vector<std::string>& patients,
           ResultRow& row) {
  if (!row.value) return;
  if (!one_a_patient(patients, own.rows)) {
    row.note =
        "no p: a patient has several studies, and DeLong's test needs independent rows; the "
        "interval is over patients";
    return;
  }
  const std::optional<DelongResult> test = delong(own.probability, other.probability, own.positive);
  if (test) row.p = test->p;
  if (!row.p)
    row.note = test ? "no p: the difference has no variance"
                    : "no p: DeLong's test needs two studies of either kind";
}

// One way of classification that both models have.
class ComparedHeads {
 public:
  ComparedHeads(const HeadPredictions& own, const HeadPredictions& other)
      : own_(own),
        other_(other),
        classes_(common_places(own.classes, other.classes)),
        columns_(common_places(column_names(own), column_names(other))) {}

  void compare(const BootstrapOptions& bootstrap, int threads, EvaluationOutput& output) const {
    note_alone(output.notes);
    if (classes_.empty()) return;
    std::int64_t unlike = 0;
    for (const auto& [first, second] : columns_) {
      const PairedColumn pair = paired(own_.columns[first], other_.columns[second]);
      unlike = std::max(unlike, pair.unlike);
      for (ResultRow& row : measure(pair, bootstrap, threads))
        output.rows.push_back(std::move(row));
    }
    if (unlike > 0)
      output.notes.push_back("comparison, " + own_.task + ": " + std::to_string(unlike) +
                             " labels that the two heads read differently are left out");
  }

 private:
  void note_alone(std::vector<std::string>& notes) const {
    const std::size_t classes = own_.classes.size() + other_.classes.size() - 2 * classes_.size(),
                      columns = own_.columns.size() + other_.columns.size() - 2 * columns_.size();
    if (classes + columns == 0) return;
    notes.push_back("comparison, " + own_.task + ": " + std::to_string(classes) + " classes and " +
                    std::to_string(columns) + " columns are of one model alone and not compared; " +
                    std::to_string(classes_.size()) + " classes and " +
                    std::to_string(columns_.size()) + " columns are of both");
  }

  PairedColumn paired(const PredictedColumn& own, const PredictedColumn& other) const {
    PairedColumn pair;
    pair.own.views = own.views;
    pair.own.population = own.population;
    pair.own.note = other.note.empty() ? own.note : "of the other model: " + other.note;
    for (const auto& [row, row_of_other] : common_places(own.studies, other.studies)) {
      for (PredictedColumn* column : {&pair.own, &pair.other}) {
        column->studies.push_back(own.studies[row]);
        column->patients.push_back(own.patients[row]);
      }
      for (const auto& [of, of_other] : classes_) {
        const std::size_t place = row * own_.classes.size() + of,
                          place_of_other = row_of_other * other_.classes.size() + of_other;
        pair.own.probability.push_back(own.probability[place]);
        pair.other.probability.push_back(other.probability[place_of_other]);
        add_truth(own.truth[place], other.truth[place_of_other], pair);
      }
    }
    if (pair.own.note.empty() && pair.own.studies.empty())
      pair.own.note = "no study of both models";
    return pair;
  }

  // Heads may be told differently what an uncertain or a missing label means.
  static void add_truth(double own, double other, PairedColumn& pair) {
    const bool alike = own == other;  // never of what is unknown
    pair.unlike += !alike && !(std::isnan(own) && std::isnan(other));
    const double truth = alike ? own : std::numeric_limits<double>::quiet_NaN();
    pair.own.truth.push_back(truth);
    pair.other.truth.push_back(truth);
  }

  // The mean over the classes, then each class.
  std::vector<ResultRow> measure(const PairedColumn& pair, const BootstrapOptions& bootstrap,
                                 int threads) const {
    ResultRow base;
    base.task = own_.task;
    base.views = pair.own.views;
    base.population = pair.own.population;
    if (!pair.own.note.empty()) {
      base.metric = kDifference;
      base.label = "macro";
      base.note = pair.own.note;
      return {base};
    }
    std::vector<ClassRows> own, other;
    std::vector<Figure> figures;
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      own.push_back(class_rows(pair.own, c, classes_.size()));
      other.push_back(class_rows(pair.other, c, classes_.size()));
      figures.push_back(difference_figure(own[c], other[c], own_.classes[classes_[c].first]));
    }
    std::vector<ResultRow> rows = figure_rows(figures, pair.own.patients, base, bootstrap, threads);
    const std::size_t before = rows.size() - figures.size();
    for (std::size_t c = 0; c < figures.size(); ++c)
      add_p(own[c], other[c], pair.own.patients, rows[before + c]);
    return rows;
  }

  const HeadPredictions &own_, &other_;
  CommonPlaces classes_, columns_;
};

void note_other_model(const EvaluationInput& own, const ComparedModel& other,
                      const StudyFeatures& features, std::vector<std::string>& notes) {
  if (!features.broken.empty())
    notes.push_back("comparison: " + std::to_string(features.broken.size()) +
                    " studies are left out because " + other.name + " cannot read an image; " +
                    features.broken.front().reason);
  if (own.prompts != nullptr && other.prompts && own.prompts->sha256 != other.prompts->sha256)
    notes.push_back("comparison, zero_shot: " + other.name + " ranks by other prompts, " +
                    other.prompts->name + ", version " + std::to_string(other.prompts->version));
}

}  // namespace

void compare_predictions(const std::vector<HeadPredictions>& own,
                         const std::vector<HeadPredictions>& other,
                         const BootstrapOptions& bootstrap, int threads, EvaluationOutput& output) {
  const auto tasks = [](const std::vector<HeadPredictions>& all) {
    std::vector<std::string> names;
    for (const HeadPredictions& one : all) names.push_back(one.task);
    return names;
  };
  const CommonPlaces both = common_places(tasks(own), tasks(other));
  const std::string alone = names_apart(tasks(own), tasks(other));
  if (!alone.empty() || both.empty())
    output.notes.push_back("comparison: " + std::to_string(both.size()) +
                           " ways of classification are of both models" +
                           (alone.empty() ? "" : "; not compared, of one alone: " + alone));
  for (const auto& [first, second] : both)
    ComparedHeads(own[first], other[second]).compare(bootstrap, threads, output);
}

void ModelComparison::run(const EvaluationInput& input, EvaluationOutput& output) const {
  const Engine& engine = other_.engine;
  const StudyFeatures features = engine.encode(input.manifest, input.features.studies, progress_);
  note_other_model(input, other_, features, output.notes);
  const std::vector<Study> studies = input.manifest.studies(features.studies);
  EvaluationInput other{
      .engine = engine, .manifest = input.manifest, .features = features, .studies = studies};
  other.prompts = other_.prompts ? &*other_.prompts : nullptr;
  const std::size_t before = output.rows.size();
  compare_predictions(all_predictions(input), all_predictions(other), input.bootstrap,
                      input.engine.threads(), output);
  for (std::size_t i = before; i < output.rows.size(); ++i) {
    output.rows[i].against = other_.name;
    output.rows[i].against_sha256 = engine.package().weights_sha256;
  }
}

}  // namespace biplane
