#include "biplane/eval/classification.h"

#include <algorithm>
#include <functional>
#include <map>

#include "biplane/core/parallel.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/ranked_bootstrap.h"

namespace biplane {
namespace {

using Finding = ClassifiedFinding;

// A value and its repeats, which averages and differences are made of.
struct Measured {
  std::optional<double> value;
  Replicates repeats;
  std::size_t left_out = 0;  // of a mean: undefined parts
};

// Labels and scores of one finding in one column.
struct Scored {
  std::vector<double> score, margin;  // what ranks, what decides
  std::vector<double> known;          // weight 1 where the label is 0 or 1, else 0
  std::vector<std::uint8_t> positive;
  std::int64_t n = 0, positives = 0;
};

// Metric name -> measured.
using Metrics = std::map<std::string, Measured>;

std::optional<double> share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

bool holds(const std::map<std::string, std::vector<std::string>>& findings,
           const std::string& finding, const std::string& view) {
  const auto found = findings.find(finding);
  return found != findings.end() &&
         std::find(found->second.begin(), found->second.end(), view) != found->second.end();
}

// Share of the finding's positives that are visible in the view, of those that are or are not, as
// far as the corpus says so.
std::optional<double> visible_share(const EvaluationInput& input, const std::string& finding,
                                    const std::string& view) {
  std::int64_t told = 0, visible = 0;
  for (std::int64_t row = 0; row < input.features.size(); ++row) {
    const Study& study = study_of(input, row);
    const auto label = study.labels.find(finding);
    if (label == study.labels.end() || label->second != 1 || !study.visible_in.contains(finding) ||
        holds(study.doubtful_in, finding, view))
      continue;
    ++told;
    visible += holds(study.visible_in, finding, view);
  }
  return share(visible, told);
}

Scored scored(const EvaluationInput& input, const ViewColumn& column, const Finding& finding,
              const ScoreTables& scores) {
  Scored result;
  const auto ranking = scores.ranking.accessor<double, 2>();
  const auto margin = scores.margin.accessor<double, 2>();
  for (std::size_t i = 0; i < column.rows.size(); ++i) {
    const Study& study = study_of(input, column.rows[i]);
    const auto label = study.labels.find(finding.name);
    const bool known = label != study.labels.end() && label->second >= 0;
    const bool positive = known && label->second == 1;
    const auto row = static_cast<std::int64_t>(i);
    result.score.push_back(ranking[row][finding.score]);
    result.margin.push_back(margin[row][finding.score]);
    result.known.push_back(known ? 1.0 : 0.0);
    result.positive.push_back(positive);
    result.n += known;
    result.positives += positive;
  }
  return result;
}

// A macro average over the findings that show in some views and not in others.
struct ViewMacro {
  const char* name;
  bool (Finding::*holds)() const;
  std::vector<std::string> views;  // what its findings are told by
};

const std::vector<ViewMacro>& view_macros() {
  static const std::vector<ViewMacro> kMacros = {
      {"macro_in_frontal", &Finding::in_frontal, {"frontal"}},
      {"macro_lateral_only", &Finding::lateral_only, {"frontal", "lateral"}},
      {"macro_both_views", &Finding::in_both, {"frontal", "lateral"}}};
  return kMacros;
}

// Without the positives of which nobody can say whether one of the views shows them.
Scored without_doubtful(Scored data, const EvaluationInput& input, const ViewColumn& column,
                        const std::string& finding, const std::vector<std::string>& views) {
  for (std::size_t i = 0; i < column.rows.size(); ++i) {
    const auto& doubtful = study_of(input, column.rows[i]).doubtful_in;
    const bool left_out =
        data.positive[i] != 0 && std::any_of(views.begin(), views.end(), [&](const auto& view) {
          return holds(doubtful, finding, view);
        });
    if (!left_out) continue;
    data.known[i] = 0;
    data.positive[i] = 0;
    --data.n;
    --data.positives;
  }
  return data;
}

using Statistic = std::function<std::optional<double>(Values)>;

Measured measure(const Scored& data, const Statistic& statistic,
                 const PatientBootstrap& bootstrap) {
  Measured measured;
  if (data.positives == 0 || data.positives == data.n) {  // one class
    measured.repeats.assign(static_cast<std::size_t>(bootstrap.repeats()), std::nullopt);
    return measured;
  }
  measured.value = statistic(data.known);
  measured.repeats = bootstrap.replicate([&](Values weight) {
    std::vector<double> known(weight.begin(), weight.end());
    for (std::size_t i = 0; i < known.size(); ++i) known[i] *= data.known[i];
    return statistic(known);
  });
  return measured;
}

Measured measure_auroc(const Scored& data, const PatientBootstrap& bootstrap) {
  const RankedScores ranked(data.score, data.positive);
  return {ranked.auroc(data.known), auroc_replicates(ranked, bootstrap, data.known)};
}

Metrics measure(const Scored& data, const PatientBootstrap& bootstrap) {
  const RankedScores ranked(data.score, data.positive);
  const std::map<std::string, Statistic> statistics = {
      {"average_precision", [&](Values weight) { return ranked.average_precision(weight); }},
      {"accuracy",
       [&](Values weight) { return accuracy(confusion(data.margin, data.positive, 0, weight)); }},
      {"f1_macro", [&](Values weight) {
         return std::optional<double>(macro_f1(confusion(data.margin, data.positive, 0, weight)));
       }}};
  Metrics metrics{{"auroc", measure_auroc(data, bootstrap)}};
  for (const auto& [name, statistic] : statistics)
    metrics[name] = measure(data, statistic, bootstrap);
  return metrics;
}

std::optional<double> mean(const std::vector<Measured>& parts) {
  double sum = 0, count = 0;
  for (const Measured& part : parts) {
    if (!part.value) continue;
    sum += *part.value;
    count += 1;
  }
  return count > 0 ? std::optional<double>(sum / count) : std::nullopt;
}

// Average over findings that are defined.
Measured macro(const std::vector<Measured>& parts) {
  std::vector<Replicates> repeats;
  for (const Measured& part : parts) {
    if (part.value) repeats.push_back(part.repeats);
  }
  return {mean(parts), mean_of(repeats), parts.size() - repeats.size()};
}

// Results of one column: metrics of every finding, then of the macro averages.
struct ColumnResult {
  std::vector<Scored> data;  // one a finding
  std::vector<Metrics> findings;
  std::map<std::string, Metrics> macros;
};

// The AUROC over the findings of every view macro that has any.
void add_view_macros(const EvaluationInput& input, const ViewColumn& column,
                     const std::vector<Finding>& findings, const PatientBootstrap& bootstrap,
                     ColumnResult& result) {
  for (const ViewMacro& one : view_macros()) {
    std::vector<Scored> told;
    for (std::size_t i = 0; i < findings.size(); ++i) {
      if ((findings[i].*one.holds)())
        told.push_back(
            without_doubtful(result.data[i], input, column, findings[i].name, one.views));
    }
    if (told.empty()) continue;
    std::vector<Measured> parts(told.size());
    parallel_for(static_cast<std::int64_t>(told.size()), input.engine.threads(),
                 [&](std::int64_t i) {
                   const auto place = static_cast<std::size_t>(i);
                   parts[place] = measure_auroc(told[place], bootstrap);
                 });
    result.macros[one.name]["auroc"] = macro(parts);
  }
}

ColumnResult measure_column(const EvaluationInput& input, const ViewColumn& column,
                            const std::vector<Finding>& findings, const ScoreTables& scores) {
  ColumnResult result;
  for (const Finding& finding : findings)
    result.data.push_back(scored(input, column, finding, scores));
  const PatientBootstrap bootstrap(patients_of(column, input), input.bootstrap);
  result.findings.resize(findings.size());
  parallel_for(static_cast<std::int64_t>(findings.size()), input.engine.threads(),
               [&](std::int64_t i) {
                 const auto place = static_cast<std::size_t>(i);
                 result.findings[place] = measure(result.data[place], bootstrap);
               });
  for (const char* name : {"auroc", "average_precision", "accuracy", "f1_macro"}) {
    std::vector<Measured> all;
    for (const Metrics& metrics : result.findings) all.push_back(metrics.at(name));
    result.macros["macro"][name] = macro(all);
  }
  add_view_macros(input, column, findings, bootstrap, result);
  return result;
}

ResultRow make_row(const ViewColumn& column, const std::string& metric, const std::string& label) {
  ResultRow row;
  row.views = column.views;
  row.population = column.population;
  row.metric = metric;
  row.label = label;
  row.n = static_cast<std::int64_t>(column.rows.size());
  return row;
}

bool only_positives(const ColumnResult& result) {
  return std::all_of(result.data.begin(), result.data.end(),
                     [](const Scored& data) { return data.n == data.positives; });
}

void set_value(ResultRow& row, const Measured& measured, const std::string& note) {
  row.value = measured.value;
  if (measured.value) {
    set_repeats(row, measured.repeats);
  } else {
    row.note = note;
  }
}

std::string undefined_note(const Scored& data) {
  if (data.n == 0) return "no study of this column has a label";
  return data.positives == 0 ? "no positive study" : "no negative study";
}

void add_rows(const ViewColumn& column, const std::vector<Finding>& findings,
              const ColumnResult& result, std::vector<ResultRow>& rows) {
  for (const auto& [label, metrics] : result.macros) {
    for (const auto& [metric, measured] : metrics) {
      rows.push_back(make_row(column, metric, label));
      set_value(rows.back(), measured, "no finding is defined");
      if (measured.value && measured.left_out > 0)
        rows.back().note = left_out_note(measured.left_out);
    }
  }
  for (std::size_t i = 0; i < findings.size(); ++i) {
    for (const auto& [metric, measured] : result.findings[i]) {
      rows.push_back(make_row(column, metric, findings[i].name));
      rows.back().n = result.data[i].n;
      rows.back().positives = result.data[i].positives;
      set_value(rows.back(), measured, undefined_note(result.data[i]));
    }
  }
}

// AUROC of a column less that of the frontal alone, on the same studies and draws.
void add_differences(const ViewColumn& column, const std::vector<Finding>& findings,
                     const ColumnResult& result, const ColumnResult& frontal,
                     std::vector<ResultRow>& rows) {
  const auto add = [&](const std::string& label, const Measured& own, const Measured& base) {
    rows.push_back(make_row(column, "auroc_difference", label));
    rows.back().against = "frontal";
    Measured difference{{}, difference_of(own.repeats, base.repeats)};
    if (own.value && base.value) difference.value = *own.value - *base.value;
    set_value(rows.back(), difference, "undefined in one of the columns");
  };
  for (const auto& [label, metrics] : result.macros)
    add(label, metrics.at("auroc"), frontal.macros.at(label).at("auroc"));
  for (std::size_t i = 0; i < findings.size(); ++i) {
    add(findings[i].name, result.findings[i].at("auroc"), frontal.findings[i].at("auroc"));
    rows.back().n = result.data[i].n;
    rows.back().positives = result.data[i].positives;
  }
}

void add_undefined(const ViewColumn& column, const std::string& note,
                   std::vector<ResultRow>& rows) {
  rows.push_back(make_row(column, "auroc", "macro"));
  rows.back().note = note;
}

void add_curves(const ViewColumn& column, const std::vector<Finding>& findings,
                const ColumnResult& result, ReportData& report) {
  if (report.findings.empty()) {
    for (std::size_t i = 0; i < findings.size(); ++i) {
      report.findings.push_back({findings[i].name,
                                 result.data[i].positives,
                                 result.data[i].n,
                                 findings[i].visible_frontal,
                                 findings[i].visible_lateral,
                                 {},
                                 {}});
    }
  }
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const Scored& data = result.data[i];
    std::vector<double> score;
    std::vector<std::uint8_t> positive;
    for (std::size_t k = 0; k < data.score.size(); ++k) {
      if (data.known[k] == 0) continue;
      score.push_back(data.score[k]);
      positive.push_back(data.positive[k]);
    }
    const RankedScores ranked(score, positive);
    report.findings[i].roc.push_back({column.views, ranked.roc()});
    report.findings[i].precision_recall.push_back({column.views, ranked.precision_recall()});
  }
}

}  // namespace

bool ClassifiedFinding::in_frontal() const {
  return visible_frontal && *visible_frontal >= kVisibleShare;
}
bool ClassifiedFinding::lateral_only() const {
  return visible_frontal && visible_lateral && *visible_frontal <= kHiddenShare &&
         *visible_lateral >= kVisibleShare;
}
bool ClassifiedFinding::in_both() const {
  return in_frontal() && visible_lateral && *visible_lateral >= kVisibleShare;
}

std::vector<ClassifiedFinding> labelled_findings(const EvaluationInput& input,
                                                 const std::vector<std::string>& names) {
  std::vector<ClassifiedFinding> findings;
  for (std::size_t i = 0; i < names.size(); ++i) {
    ClassifiedFinding finding{names[i], static_cast<std::int64_t>(i), {}, {}};
    bool labelled = false;
    for (std::int64_t row = 0; row < input.features.size() && !labelled; ++row) {
      labelled = study_of(input, row).labels.contains(finding.name);
    }
    if (!labelled) continue;
    finding.visible_frontal = visible_share(input, finding.name, "frontal");
    finding.visible_lateral = visible_share(input, finding.name, "lateral");
    findings.push_back(std::move(finding));
  }
  return findings;
}

void classify(const EvaluationInput& input, const Classification& task, EvaluationOutput& output) {
  const std::vector<ViewColumn> columns = view_columns(input);
  const std::string shown = columns.front().population;  // the report draws the main columns
  const std::size_t before = output.rows.size();
  std::optional<ColumnResult> frontal;
  for (const ViewColumn& column : columns) {
    if (!column.features.defined()) {
      add_undefined(column, column.note, output.rows);
      continue;
    }
    const std::optional<ScoreTables> scores = task.score(column);
    if (!scores) {
      add_undefined(column, task.no_score, output.rows);
      continue;
    }
    ColumnResult result = measure_column(input, column, task.findings, *scores);
    if (&column == &columns.front() && only_positives(result)) {
      output.notes.emplace_back(
          task.name +
          ": no AUROC, because no study is marked absent (0) for a finding; what a manifest "
          "does not list is unknown");
    }
    add_rows(column, task.findings, result, output.rows);
    if (task.curves && column.population == shown)
      add_curves(column, task.findings, result, output.report);
    if (!column.population.empty()) continue;
    if (column.views == "frontal") {
      frontal = std::move(result);
    } else if (frontal) {
      add_differences(column, task.findings, result, *frontal, output.rows);
    }
  }
  for (std::size_t i = before; i < output.rows.size(); ++i) output.rows[i].task = task.name;
}

}  // namespace biplane
