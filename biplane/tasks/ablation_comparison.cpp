#include "biplane/tasks/ablation_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "biplane/eval/report_html.h"
#include "biplane/tasks/ablation_effects.h"
#include "biplane/tasks/ablation_metrics.h"
#include "biplane/tasks/ablation_text.h"

namespace biplane {
namespace {

using Lines = std::vector<AblationRecord>;
using Row = std::vector<std::string>;

// Mean AUROC of a finding over the runs of a configuration.
std::optional<double> finding_mean(const Lines& lines, const std::string& run,
                                   const std::string& column, const std::string& finding) {
  double sum = 0, count = 0;
  for (const AblationRecord& line : lines) {
    const auto values = line.findings.find(column);
    if (line.run != run || values == line.findings.end()) continue;
    const auto value = values->second.find(finding);
    if (value == values->second.end()) continue;
    sum += value->second;
    ++count;
  }
  return count > 0 ? std::optional<double>(sum / count) : std::nullopt;
}

// The smallest true difference that is found stands behind.
std::string difference_text(const std::optional<Estimate>& estimate) {
  const std::string text = effect_text(estimate);
  return estimate && estimate->detectable ? text + " (" + number_text(estimate->detectable) + ")"
                                          : text;
}

// Student's t of few runs reaches beyond what an AUROC can be.
std::optional<Estimate> mean_auroc(const Lines& lines, const std::string& run,
                                   const std::string& metric) {
  std::optional<Estimate> mean = mean_of_runs(lines, run, metric);
  if (mean) {
    mean->low = std::max(mean->low, 0.0);
    mean->high = std::min(mean->high, 1.0);
  }
  return mean;
}

}  // namespace

std::string supervised_run(const Lines& lines) {
  for (const AblationRecord& line : lines) {
    if (line.findings.contains("supervised")) return line.run;
  }
  return {};
}

AblationSection comparison_section(const AblationDesign& design, const Lines& lines,
                                   const std::string& reference) {
  AblationSection section;
  section.title = "Compared with " + reference + ": " + design.name;
  section.lead =
      std::string(design.kind == "equal_minutes"
                      ? "As many minutes of training as " + reference + " takes in " + design.of +
                            "; runs that take as long within 5 % are those of that design. "
                      : "As many steps each. ") +
      "First column: " + reference + ". Others: " + reference + " less the other, above 0 where " +
      reference +
      " is better; in round brackets the smallest true difference found in 80 % of cases.";
  const std::set<std::string> devices = devices_of(lines);
  if (design.kind == "equal_minutes" && devices.size() > 1)
    section.lead += " **Not the same minutes**: the runs are of " + listed(devices) + ".";
  section.table.push_back({"figure", reference});
  std::vector<std::string> others;
  for (const std::string& run : runs_of(lines)) {
    if (run == reference) continue;
    others.push_back(run);
    section.table.front().push_back("less " + run);
  }
  for (const std::string& metric : headline_metrics()) {
    if (!has_metric(lines, metric)) continue;
    Row& row = section.table.emplace_back(
        Row{metric_title(metric), value_text(mean_of_runs(lines, reference, metric))});
    for (const std::string& other : others)
      row.push_back(difference_text(difference(lines, reference, other, metric)));
  }
  return section;
}

AblationSection ceiling_section(const Lines& lines, const std::string& reference,
                                const std::string& supervised) {
  AblationSection section;
  section.title = "Share of the supervised ceiling";
  section.lead = "Ceiling: the same network trained on the true labels (run " + supervised +
                 "), both views. Share: (AUROC - 0.5) / (ceiling - 0.5). Single findings: means "
                 "over the runs, without intervals.";
  section.table.push_back({"findings", "ceiling", reference, "share of the ceiling"});
  for (const char* group : {"all", "in_frontal", "both_views", "lateral_only"}) {
    const std::string own = std::string("zero_shot/both/") + group,
                      ceiling = std::string("supervised/both/") + group;
    const auto top = mean_auroc(lines, supervised, ceiling);
    if (!top) continue;
    section.table.push_back(
        {metric_title(own), value_text(top), value_text(mean_auroc(lines, reference, own)),
         value_text(share_of_ceiling(lines, {reference, own, supervised, ceiling}))});
  }
  std::set<std::string> findings;
  for (const AblationRecord& line : lines) {
    if (line.findings.contains("supervised")) {
      for (const auto& [name, value] : line.findings.at("supervised")) findings.insert(name);
    }
  }
  for (const std::string& finding : findings) {
    const auto top = finding_mean(lines, supervised, "supervised", finding),
               own = finding_mean(lines, reference, "both", finding);
    std::optional<double> share;
    if (top && own && *top > 0.5) share = (*own - 0.5) / (*top - 0.5);
    section.table.push_back({finding, number_text(top), number_text(own), number_text(share, 2)});
  }
  return section;
}

}  // namespace biplane
