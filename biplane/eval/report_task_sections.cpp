#include "biplane/eval/report_task_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "biplane/eval/report_html.h"
#include "biplane/eval/report_plots.h"
#include "biplane/eval/report_tables.h"
#include "biplane/imaging/html.h"

namespace biplane {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> kHeads{
    {{"linear", "Linear classification"},
     {"finetune", "Fine-tuned classification"},
     {"segmentation", "Segmentation"},
     {"detection", "Detection"}}};

// Lines and columns of a table in order of appearance, cells by both.
template <class Line, class Column>
std::string crossed(const std::vector<const ResultRow*>& rows, std::vector<std::string> head,
                    const Line& line, const Column& column) {
  std::vector<std::string> lines, columns;
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const ResultRow* row : rows) {
    add(lines, line(*row));
    add(columns, column(*row));
  }
  std::string body;
  for (const std::string& name : lines) {
    body += "<tr><th scope=\"row\">" + html_escape(name) + "</th>";
    for (const std::string& wanted : columns) {
      const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow* row) {
        return line(*row) == name && column(*row) == wanted;
      });
      body += value_cell(found == rows.end() ? nullptr : *found);
    }
    body += "</tr>";
  }
  for (const std::string& name : columns) head.push_back(html_escape(name));
  return html_table(head, body);
}

template <class Filter>
std::vector<const ResultRow*> chosen(std::span<const ResultRow> rows, const Filter& filter) {
  std::vector<const ResultRow*> found;
  for (const ResultRow& row : rows)
    if (filter(row)) found.push_back(&row);
  return found;
}

// Of a row or a curve.
std::string views_name(const auto& of) {
  return column_title(of.views) + (of.population.empty() ? "" : " (" + of.population + ")");
}

}  // namespace

std::string calibration_section(std::span<const ResultRow> rows,
                                std::span<const FindingReliability> reliability) {
  const auto macros = chosen(
      rows, [](const ResultRow& row) { return row.task == "calibration" && row.label == "macro"; });
  if (macros.empty()) return {};
  std::string html = crossed(
      macros, {"Scores, views, operating point"},
      [](const ResultRow& row) {
        return row.condition + ", " + views_name(row) +
               (row.operating_point.empty() ? "" : ", " + row.operating_point);
      },
      [](const ResultRow& row) { return row.metric; });
  std::string plots;
  for (const FindingReliability& finding : reliability)
    plots += fmt::format("<figure><figcaption>{}<small>{}</small></figcaption>{}</figure>",
                         label_text(finding.finding), html_escape(views_name(finding)),
                         reliability_plot(finding));
  if (!plots.empty()) html += "<div class=\"grid4\">" + plots + "</div>";
  return html_section(
      "calibration", "Calibration and operating points",
      "Thresholds and the logistic curves that turn scores into probabilities were chosen on other "
      "studies (--choose-on), never on these. Drawings: share of positive studies (up) against "
      "mean "
      "probability (across); the dotted diagonal is perfect.",
      html);
}

std::string subgroup_section(std::span<const ResultRow> rows) {
  const auto macros = chosen(
      rows, [](const ResultRow& row) { return !row.subgroup.empty() && row.label == "macro"; });
  if (macros.empty()) return {};
  return html_section(
      "subgroups", "Subgroups", "AUROC, mean over the findings that are defined in the subgroup.",
      crossed(
          macros, {"Subgroup"},
          [](const ResultRow& row) {
            return row.task + ", " + row.subgroup + fmt::format(" ({} studies)", row.n);
          },
          views_name<ResultRow>));
}

std::string head_sections(std::span<const ResultRow> rows) {
  std::string html;
  for (const auto& [task, title] : kHeads) {
    const auto figures = chosen(rows, [&, &task = task](const ResultRow& row) {
      return row.task == task && row.subgroup.empty() && !compares_models(row);
    });
    if (figures.empty()) continue;
    html += html_section(
        task, title, "What a head of <code>biplane finetune</code> reaches on these studies.",
        crossed(
            figures, {"Class, views"},
            [](const ResultRow& row) { return row.label + ", " + views_name(row); },
            [](const ResultRow& row) { return row.metric; }));
  }
  return html;
}

std::string confusion_section(std::span<const ConfusionTable> tables) {
  std::string html;
  for (const ConfusionTable& table : tables) {
    std::vector<std::string> head{"True class, told as"};
    for (const std::string& name : table.classes) head.push_back(label_text(name));
    std::string body;
    for (std::size_t of = 0; of < table.classes.size(); ++of) {
      body += "<tr><th scope=\"row\">" + label_text(table.classes[of]) + "</th>";
      for (const double studies : table.studies[of])
        body += fmt::format("<td>{:.0f}</td>", studies);
      body += "</tr>";
    }
    html += fmt::format("<h3>{}, {}</h3>", label_text(table.task), html_escape(views_name(table))) +
            html_table(head, body);
  }
  return html.empty()
             ? html
             : html_section("confusion", "Confusion of classes",
                            "Studies by their true class and by the class that is told.", html);
}

std::string comparison_section(std::span<const ResultRow> rows) {
  const auto differences = chosen(rows, compares_models);
  if (differences.empty()) return {};
  std::string body;
  for (const ResultRow* row : differences) {
    body +=
        fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td>",
                    html_escape(row->task + ", " + row->label + ", " + views_name(*row)), row->n);
    body += value_cell(row, 3, /*sign=*/true);
    body += row->p ? "<td>" + html_escape(p_text(*row)) + "</td>"
                   : "<td class=\"none\" title=\"" + html_escape(row->note) + "\">-</td>";
    body += "</tr>";
  }
  return html_section(
      "comparison", "Compared with " + html_escape(differences.front()->against),
      "AUROC of this model less that of the other one on the same studies. Intervals come from the "
      "same draws of patients for both; p, two-sided, from DeLong's test where no patient has two "
      "studies. A p is of one class: nothing is corrected for how many there are.",
      html_table({"Scores, class, views", "Studies", "Difference", "p"}, body));
}

std::string minimal_pair_section(std::span<const ResultRow> rows) {
  const auto pairs = chosen(rows, [](const ResultRow& row) { return row.task == "minimal_pairs"; });
  if (pairs.empty()) return {};
  return html_section(
      "minimal-pairs", "Minimal pairs",
      "How often a study is nearer to its own report than to the same report with one thing said "
      "otherwise. Chance is 0.5.",
      crossed(
          pairs, {"Flip"},
          [](const ResultRow& row) {
            return row.label + (row.condition.empty() ? "" : ", " + row.condition);
          },
          views_name<ResultRow>));
}

}  // namespace biplane
