#include "biplane/eval/minimal_pairs.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "biplane/core/error.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/json_lines.h"
#include "biplane/eval/module_figures.h"
#include "biplane/model/losses.h"
#include "biplane/text/labeler.h"
#include "biplane/text/report_edits.h"

namespace biplane {
namespace {

constexpr const char* kFile = "minimal_pairs.jsonl";

struct Pair {
  std::int64_t row = 0;  // of StudyFeatures
  std::string kind, change, text;
};

// Pairs that are measured, and how many could not be.
struct Pairs {
  std::vector<Pair> measured;
  std::int64_t without_report = 0;
};

std::string text_of(const nlohmann::ordered_json& line, const char* key) {
  if (!line.is_object() || !line.contains(key) || !line[key].is_string())
    throw Error(ErrorKind::kBadContent, std::string("'") + key + "' must be text");
  return line[key].get<std::string>();
}

// Those of the evaluated studies.
Pairs read_pairs(const std::filesystem::path& file, const EvaluationInput& input) {
  std::map<std::string, std::int64_t> row_of;
  for (std::int64_t row = 0; row < input.features.size(); ++row)
    row_of.emplace(study_of(input, row).study_id, row);
  Pairs pairs;
  if (std::filesystem::is_empty(file)) return pairs;  // a phantom without test studies
  std::set<std::array<std::string, 4>> told;
  read_json_lines(file, [&](const nlohmann::ordered_json& line, std::int64_t) {
    Pair pair{0, text_of(line, "kind"), text_of(line, "change"), text_of(line, "text")};
    const std::string study = text_of(line, "study_id");
    if (!told.insert({study, pair.kind, pair.change, pair.text}).second)
      throw Error(ErrorKind::kBadContent, "the same pair stands in a line before");
    const auto row = row_of.find(study);
    if (row == row_of.end()) return;
    pair.row = row->second;
    if (study_of(input, pair.row).report.text.empty()) {
      ++pairs.without_report;
    } else {
      pairs.measured.push_back(std::move(pair));
    }
  });
  return pairs;
}

Pairs made_pairs(const EvaluationInput& input) {
  const Labeler labeler = Labeler::named("chexpert");
  const Lexicon lexicon = Lexicon::english();
  std::vector<std::vector<Pair>> of_row(static_cast<std::size_t>(input.features.size()));
  input.engine.for_each(input.features.size(), [&](std::int64_t row) {
    const Report& report = study_of(input, row).report;
    if (!report.language.empty() && report.language != labeler.language()) return;
    for (ReportEdit& edit : edit_report(report.text, labeler, lexicon))
      of_row[static_cast<std::size_t>(row)].push_back(
          {row, std::move(edit.kind), std::move(edit.change), std::move(edit.text)});
  });
  Pairs pairs;
  for (std::vector<Pair>& own : of_row)
    for (Pair& pair : own) pairs.measured.push_back(std::move(pair));
  return pairs;
}

// The figures of one column: 1 where the study's own report is nearer, 1/2 where both are equally
// near. Of every kind, of every change of negation, and the mean over kinds.
class ColumnPairs {
 public:
  ColumnPairs(const EvaluationInput& input, const ViewColumn& column,
              const std::vector<Pair>& pairs, const torch::Tensor& texts, const std::string& source)
      : column_(column), source_(source) {
    if (!column.features.defined()) return;
    std::map<std::int64_t, std::int64_t> place_of;
    for (std::size_t i = 0; i < column.rows.size(); ++i)
      place_of[column.rows[i]] = static_cast<std::int64_t>(i);
    const torch::Tensor own = unit(input.features.text).to(torch::kFloat64);
    const torch::Tensor images = column.features.to(torch::kFloat64);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto place = place_of.find(pairs[i].row);
      if (place == place_of.end()) continue;
      const torch::Tensor image = images[place->second];
      const double right = image.dot(own[pairs[i].row]).item<double>(),
                   wrong = image.dot(texts[static_cast<std::int64_t>(i)]).item<double>();
      const FigurePart part{place->second, right > wrong ? 1.0 : right == wrong ? 0.5 : 0.0, 1};
      of_[pairs[i].kind][""].push_back(part);
      if (pairs[i].kind == "negation") of_[pairs[i].kind][pairs[i].change].push_back(part);
    }
  }

  FigureTable figures() const {
    FigureTable figures;
    std::vector<FigureTable::Figure> kinds;
    for (const auto& [kind, changes] : of_) {
      for (const auto& [change, parts] : changes) {
        const auto figure = figures.add(make_row(kind, change), parts, "no pair");
        if (change.empty()) kinds.push_back(figure);
      }
    }
    if (!kinds.empty()) figures.add_mean(make_row("macro", ""), kinds);
    return figures;
  }

  ResultRow make_row(const std::string& kind, const std::string& change) const {
    ResultRow row;
    row.task = "minimal_pairs";
    row.views = column_.views;
    row.population = column_.population;
    row.metric = "accuracy";
    row.label = kind;
    row.candidates = source_;
    row.condition = change;
    row.pool = 2;
    return row;
  }

 private:
  const ViewColumn& column_;
  std::string source_;
  std::map<std::string, std::map<std::string, std::vector<FigurePart>>> of_;  // kind, change
};

}  // namespace

void MinimalPairEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  const std::filesystem::path file = input.manifest.path().parent_path() / kFile;
  const bool told = std::filesystem::exists(file);
  const auto [pairs, without_report] = told ? read_pairs(file, input) : made_pairs(input);
  if (without_report > 0)
    output.notes.push_back("minimal_pairs: " + std::to_string(without_report) +
                           " pairs are left out, their studies have no report");
  if (pairs.empty()) {
    output.notes.push_back("minimal_pairs: skipped, " +
                           (told ? file.string() + " has no pair of an evaluated study"
                                 : std::string("no report can be changed by the rules")));
    return;
  }
  std::vector<std::string> texts;
  for (const Pair& pair : pairs) texts.push_back(pair.text);
  const torch::Tensor encoded = unit(input.engine.encode_texts(texts)).to(torch::kFloat64);
  for (const ViewColumn& column : view_columns(input)) {
    const ColumnPairs measured(input, column, pairs, encoded, told ? "truth" : "rules");
    if (!column.features.defined()) {
      output.rows.push_back(measured.make_row("macro", ""));
      output.rows.back().note = column.note;
      continue;
    }
    const FigureTable figures = measured.figures();
    if (figures.empty()) continue;
    for (ResultRow& row :
         figures.measure(patients_of(column, input), input.bootstrap, input.engine.threads()))
      output.rows.push_back(std::move(row));
  }
}

}  // namespace biplane
