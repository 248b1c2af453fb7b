#include "biplane/eval/subgroups.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <span>

#include "biplane/core/error.h"
#include "biplane/corpus/selection.h"
#include "biplane/eval/ranked_bootstrap.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

struct AgeBand {
  double below;
  const char* name;
};
constexpr std::array<AgeBand, 4> kAges{{{18, "0-17"}, {40, "18-39"}, {60, "40-59"}, {80, "60-79"}}};

std::string age_band(double age) {
  for (const AgeBand& band : kAges)
    if (age < band.below) return band.name;
  return "80+";
}

// Rows of a column that belong to "field=value".
std::map<std::string, std::vector<std::size_t>> members(const PredictedColumn& column,
                                                        const StudyGroups& groups,
                                                        const std::vector<std::string>& fields) {
  std::map<std::string, std::vector<std::size_t>> found;
  for (std::size_t row = 0; row < column.studies.size(); ++row) {
    const auto of = groups.find(column.studies[row]);
    if (of == groups.end()) continue;
    for (const std::string& field : fields) {
      const auto value = of->second.find(field);
      if (value != of->second.end()) found[field + "=" + value->second].push_back(row);
    }
  }
  return found;
}

ResultRow make_row(const HeadPredictions& predictions, const PredictedColumn& column,
                   const std::string& subgroup, const std::string& label, std::size_t studies) {
  ResultRow row;
  row.task = predictions.task;
  row.views = column.views;
  row.population = column.population;
  row.metric = "auroc";
  row.label = label;
  row.subgroup = subgroup;
  row.n = static_cast<std::int64_t>(studies);
  return row;
}

// AUROC of one class over these rows of a column.
void measure_class(const PredictedColumn& column, const std::vector<std::size_t>& rows,
                   std::size_t of, std::size_t classes, const PatientBootstrap& bootstrap,
                   ResultRow& row) {
  std::vector<double> score, known;
  std::vector<std::uint8_t> positive;
  row.n = 0;
  row.positives = 0;
  for (const std::size_t place : rows) {
    const double truth = column.truth[place * classes + of];
    score.push_back(column.probability[place * classes + of]);
    known.push_back(std::isnan(truth) ? 0.0 : 1.0);
    positive.push_back(truth == 1 ? 1 : 0);
    row.n += !std::isnan(truth);
    *row.positives += truth == 1;
  }
  const RankedScores ranked(score, positive);
  row.value = ranked.auroc(known);
  if (row.value) {
    set_repeats(row, auroc_replicates(ranked, bootstrap, known));
  } else {
    row.note = row.n == 0            ? "no study of this subgroup has a known label"
               : *row.positives == 0 ? "no positive study"
                                     : "no negative study";
  }
}

std::vector<ResultRow> measure(const HeadPredictions& predictions, const PredictedColumn& column,
                               const std::string& subgroup, const std::vector<std::size_t>& rows,
                               const BootstrapOptions& options) {
  std::vector<std::string> patients;
  for (const std::size_t row : rows) patients.push_back(column.patients[row]);
  const PatientBootstrap bootstrap(patients, options);
  std::vector<ResultRow> all(1);  // the mean comes first
  for (std::size_t c = 0; c < predictions.classes.size(); ++c) {
    all.push_back(make_row(predictions, column, subgroup, predictions.classes[c], rows.size()));
    measure_class(column, rows, c, predictions.classes.size(), bootstrap, all.back());
  }
  all.front() = mean_row(make_row(predictions, column, subgroup, "macro", rows.size()),
                         std::span(all).subspan(1));
  return all;
}

}  // namespace

const std::vector<std::string>& manifest_groups() {
  static const std::vector<std::string> kFields{"sex", "age", "view", "lateral", "source"};
  return kFields;
}

GroupsOfStudy groups_of(const Study& study) {
  GroupsOfStudy groups;
  if (!study.sex.empty()) groups["sex"] = study.sex;
  if (study.age) groups["age"] = age_band(*study.age);
  if (const auto view = first_view(study, /*lateral=*/false))
    groups["view"] = view_name(study.views[static_cast<std::size_t>(*view)].view);
  if (const auto view = first_view(study, /*lateral=*/true)) {
    const std::string& side = study.views[static_cast<std::size_t>(*view)].laterality;
    if (!side.empty()) groups["lateral"] = side;
  }
  if (!study.label_source.empty()) groups["source"] = study.label_source;
  return groups;
}

GroupTable add_group_table(const std::filesystem::path& file, StudyGroups& groups) {
  CsvReader csv(file);
  const std::size_t study = csv.column("study_id");
  GroupTable table;
  for (std::size_t i = 0; i < csv.header().size(); ++i) {
    const std::string& name = csv.header()[i];
    if (i == study) continue;
    if (std::find(manifest_groups().begin(), manifest_groups().end(), name) !=
        manifest_groups().end())
      throw Error(ErrorKind::kBadContent,
                  csv.name() + ": the column '" + name + "' is told by the manifest");
    if (std::find(table.fields.begin(), table.fields.end(), name) != table.fields.end())
      throw Error(ErrorKind::kBadContent,
                  csv.name() + ": the column '" + name + "' is there twice");
    table.fields.push_back(name);
  }
  std::set<std::string> told;
  for (CsvRow row; csv.next(row);) {
    if (row.problem.empty() && !told.insert(row.fields[study]).second)
      row.problem = "the study '" + row.fields[study] + "' stands in a row before";
    if (!row.problem.empty())
      throw Error(ErrorKind::kBadContent,
                  csv.name() + ": row " + std::to_string(row.number) + ": " + row.problem);
    const auto own = groups.find(row.fields[study]);
    if (own == groups.end()) {
      ++table.of_no_study;
      continue;
    }
    for (std::size_t i = 0; i < row.fields.size(); ++i)
      if (i != study && !row.fields[i].empty()) own->second[csv.header()[i]] = row.fields[i];
  }
  return table;
}

std::vector<ResultRow> subgroup_rows(const HeadPredictions& predictions, const StudyGroups& groups,
                                     const SubgroupOptions& options) {
  std::vector<ResultRow> rows;
  for (const PredictedColumn& column : predictions.columns) {
    if (!column.note.empty()) continue;
    for (const auto& [subgroup, places] : members(column, groups, options.fields)) {
      if (static_cast<std::int64_t>(places.size()) < options.smallest) {
        rows.push_back(make_row(predictions, column, subgroup, "macro", places.size()));
        rows.back().note = "fewer than " + std::to_string(options.smallest) + " studies";
        continue;
      }
      for (ResultRow& row : measure(predictions, column, subgroup, places, options.bootstrap))
        rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace biplane
