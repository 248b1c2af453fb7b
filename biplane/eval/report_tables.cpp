#include "biplane/eval/report_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "biplane/eval/report_html.h"
#include "biplane/eval/report_plots.h"

namespace biplane {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 5> kColumns{
    {{"frontal", "frontal"},
     {"lateral", "lateral"},
     {"both", "both views"},
     {"lateral_missing", "lateral missing"},
     {"both_lateral_swapped", "another patient's lateral"}}};
constexpr std::array<std::pair<const char*, const char*>, 3> kMacros{
    {{"macro", "AUROC, all findings"},
     {"macro_lateral_only", "AUROC, lateral-only findings"},
     {"macro_both_views", "AUROC, findings seen in both"}}};
constexpr std::array<std::pair<const char*, const char*>, 4> kRetrieval{
    {{"recall_at_1", "R@1"},
     {"recall_at_5", "R@5"},
     {"recall_at_10", "R@10"},
     {"median_rank", "median rank"}}};
constexpr std::array<std::pair<const char*, const char*>, 3> kDirections{
    {{"image_to_text", "image to report"},
     {"text_to_image", "report to image"},
     {"mean", "mean of both"}}};
constexpr std::array<std::pair<const char*, const char*>, 3> kGrounding{
    {{"pointing_game", "pointing game"}, {"mean_iou", "mean IoU"}, {"cnr", "contrast to noise"}}};
constexpr std::array<std::pair<const char*, const char*>, 2> kGroundingMeans{
    {{"macro", "mean over findings"}, {"macro_small", "those up to 15 % of the image"}}};

// A figure with its interval below, as a table cell.
std::string cell(const ResultRow* row, int decimals = 3, bool sign = false) {
  if (row == nullptr) return "<td></td>";
  if (!row->value)
    return fmt::format("<td class=\"none\" title=\"{}\">undefined</td>", html_escape(row->note));
  std::string text = "<td>" + number_text(row->value, decimals, sign);
  if (row->interval.low && row->interval.high) {
    text += fmt::format("<small>{} to {}</small>", number_text(row->interval.low, decimals, sign),
                        number_text(row->interval.high, decimals, sign));
  }
  return text + "</td>";
}

std::string head(const std::vector<std::string>& names) {
  std::string text = "<thead><tr>";
  for (const std::string& name : names) {
    const bool words = name == "Direction" || name == "View" || name == "Map" ||
                       name == "Figure";  // above words, not numbers
    text += (words ? "<th scope=\"col\" class=\"text\">" : "<th scope=\"col\">") + name + "</th>";
  }
  return text + "</tr></thead>";
}

std::string table(const std::vector<std::string>& names, const std::string& body) {
  return "<div class=\"scroll\"><table>" + head(names) + "<tbody>" + body +
         "</tbody></table></div>";
}

std::string column_heading(const std::string& views) {
  return fmt::format("<span class=\"key s-{}\"></span>{}", html_escape(views),
                     html_escape(column_title(views)));
}

bool any(std::span<const ResultRow> rows, const std::string& task) {
  return std::any_of(rows.begin(), rows.end(),
                     [&](const ResultRow& row) { return row.task == task; });
}

std::string card(const std::string& name, const ResultRow* row, const std::string& below,
                 int decimals = 3, bool sign = false) {
  if (row == nullptr || !row->value) return {};
  std::string interval;
  if (row->interval.low && row->interval.high) {
    interval = fmt::format("95 % {} to {}", number_text(row->interval.low, decimals, sign),
                           number_text(row->interval.high, decimals, sign));
  }
  return fmt::format(
      "<div class=\"card\"><h3>{}</h3><p class=\"value\">{}</p><p>{}</p><p "
      "class=\"quiet\">{}</p></div>",
      name, number_text(row->value, decimals, sign), interval, below);
}

std::string visible_cell(const std::optional<double>& share) {
  if (!share) return "<td class=\"none\">-</td>";
  return fmt::format(
      "<td class=\"seen\">{:.0f} %<span class=\"bar\"><i style=\"width:{:.0f}%\"></i></span></td>",
      100 * *share, 100 * *share);
}

}  // namespace

const ResultRow* find_row(std::span<const ResultRow> rows, const RowKey& key) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow& row) {
    return row.task == key.task && row.metric == key.metric && row.views == key.views &&
           row.label == key.label && row.population == key.population &&
           row.direction == key.direction && row.map == key.map && row.subgroup.empty() &&
           !compares_models(row) && is_unconditional(row);
  });
  return found == rows.end() ? nullptr : &*found;
}

std::string column_title(const std::string& views) {
  for (const auto& [name, title] : kColumns) {
    if (views == name) return title;
  }
  return views;
}

std::string shown_population(std::span<const ResultRow> rows) {
  const bool paired = std::any_of(rows.begin(), rows.end(), [](const ResultRow& row) {
    return row.views == "both" && row.population.empty();
  });
  return paired ? "" : "all";
}

std::vector<std::string> shown_columns(std::span<const ResultRow> rows) {
  const std::string population = shown_population(rows);
  std::vector<std::string> columns;
  for (const auto& [name, title] : kColumns) {
    const bool there =
        std::any_of(rows.begin(), rows.end(), [&, &name = name](const ResultRow& row) {
          return row.task != "grounding" && row.views == name && row.population == population;
        });
    if (there) columns.emplace_back(name);
  }
  return columns;
}

std::string headline_cards(std::span<const ResultRow> rows) {
  const std::string population = shown_population(rows);
  const std::vector<std::string> shown = shown_columns(rows);
  const bool both = std::find(shown.begin(), shown.end(), "both") != shown.end();
  const std::string views = both || shown.empty() ? "both" : shown.front(),
                    title = column_title(views);
  const ResultRow* recall =
      find_row(rows, {"retrieval", "recall_at_10", views, "", population, "mean", ""});
  std::string cards = card(
      "Zero-shot AUROC", find_row(rows, {"zero_shot", "auroc", views, "macro", population, "", ""}),
      title + ", mean over findings");
  cards += card("Gain by the lateral",
                find_row(rows, {"zero_shot", "auroc_difference", "both", "macro_lateral_only",
                                population, "", ""}),
                "AUROC over the frontal alone, findings that only the lateral shows", 3, true);
  cards += card("Retrieval R@10", recall,
                recall == nullptr ? ""
                                  : fmt::format("{}, mean of both directions, among {} studies",
                                                title, recall->pool));
  const ResultRow* pointing =
      find_row(rows, {"grounding", "pointing_game", "frontal", "macro_small", "", "", "gradient"});
  const ResultRow* chance = find_row(
      rows, {"grounding", "pointing_chance", "frontal", "macro_small", "", "", "gradient"});
  cards += card("Pointing game", pointing,
                fmt::format("frontal, gradient map, findings up to 15 % of the image; chance {}",
                            number_text(chance == nullptr ? std::nullopt : chance->value)));
  return cards.empty() ? cards : "<div class=\"cards\">" + cards + "</div>";
}

std::string summary_table(std::span<const ResultRow> rows) {
  const std::string population = shown_population(rows);
  std::vector<std::string> names{"Shown to the model"};
  std::vector<RowKey> keys;
  for (const auto& [macro, title] : kMacros) {
    if (find_row(rows, {"zero_shot", "auroc", "frontal", macro, population, "", ""}) == nullptr)
      continue;
    names.emplace_back(title);
    keys.push_back({"zero_shot", "auroc", "", macro, population, "", ""});
  }
  if (any(rows, "retrieval")) {
    for (const auto& [metric, title] : kRetrieval) {
      names.emplace_back(title);
      keys.push_back({"retrieval", metric, "", "", population, "mean", ""});
    }
  }
  if (keys.empty()) return {};
  std::string body;
  for (const std::string& views : shown_columns(rows)) {
    body += "<tr><th scope=\"row\">" + column_heading(views) + "</th>";
    for (RowKey key : keys) {
      key.views = views;
      body += cell(find_row(rows, key), key.metric == "median_rank" ? 1 : 3);
    }
    body += "</tr>";
  }
  return table(names, body);
}

std::string finding_table(std::span<const ResultRow> rows,
                          std::span<const FindingCurves> findings) {
  if (findings.empty()) return {};
  const std::string population = shown_population(rows);
  std::vector<std::string> columns = shown_columns(rows);
  std::erase(columns, "both_lateral_swapped");  // a check of the whole, not of a finding
  std::vector<std::string> names{"Finding", "Positive studies", "Seen frontal", "Seen lateral"};
  for (const std::string& views : columns) names.push_back(column_heading(views));
  names.insert(names.end(), {"Both less frontal", "From 0.4 to 1"});
  std::string body;
  for (const FindingCurves& finding : findings) {
    body += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td>", label_text(finding.finding),
                        finding.positives);
    body += visible_cell(finding.visible_frontal) + visible_cell(finding.visible_lateral);
    std::vector<IntervalMark> marks;
    for (const std::string& views : columns) {
      const ResultRow* row =
          find_row(rows, {"zero_shot", "auroc", views, finding.finding, population, "", ""});
      body += cell(row);
      const bool drawn = views == "frontal" || views == "lateral" || views == "both";
      if (row != nullptr && row->value && drawn)
        marks.push_back({views, *row->value, row->interval.low, row->interval.high});
    }
    body += cell(find_row(rows, {"zero_shot", "auroc_difference", "both", finding.finding,
                                 population, "", ""}),
                 3, true);
    body += "<td class=\"plot\">" + (marks.empty() ? std::string() : interval_plot(marks, {})) +
            "</td></tr>";
  }
  return table(names, body);
}

std::string retrieval_table_html(std::span<const ResultRow> rows) {
  if (!any(rows, "retrieval")) return {};
  const std::string population = shown_population(rows);
  std::vector<std::string> names{"Shown to the model", "Direction"};
  for (const auto& [metric, title] : kRetrieval) names.emplace_back(title);
  std::string body;
  for (const std::string& views : shown_columns(rows)) {
    for (const auto& [direction, title] : kDirections) {
      const bool first = direction == kDirections.front().first;
      body += first
                  ? fmt::format("<tr class=\"group\"><th scope=\"rowgroup\" rowspan=\"{}\">{}</th>",
                                kDirections.size(), column_heading(views))
                  : "<tr>";
      body += std::string("<td class=\"text\">") + title + "</td>";
      for (const auto& [metric, ignored] : kRetrieval) {
        body += cell(find_row(rows, {"retrieval", metric, views, "", population, direction, ""}),
                     std::string(metric) == "median_rank" ? 1 : 3);
      }
      body += "</tr>";
    }
  }
  return table(names, body);
}

std::string grounding_table_html(std::span<const ResultRow> rows) {
  std::set<std::string> labels;
  for (const ResultRow& row : rows) {
    if (row.task == "grounding" && !row.label.starts_with("macro")) labels.insert(row.label);
  }
  if (labels.empty()) return {};
  std::vector<std::string> names{"Finding", "View", "Map", "Regions", "Chance"};
  for (const auto& [metric, title] : kGrounding) names.emplace_back(title);
  std::string body;
  const auto add = [&](const std::string& label, const std::string& title, bool total) {
    for (const char* views : {"frontal", "lateral"}) {
      for (const char* map : kMapNames) {
        const ResultRow* first =
            find_row(rows, {"grounding", kGrounding.front().first, views, label, "", "", map});
        if (first == nullptr || first->n == 0) continue;
        body += fmt::format(
            "<tr{}><th scope=\"row\">{}</th><td class=\"text\">{}</td><td "
            "class=\"text\">{}</td><td>{}</td>",
            total ? " class=\"total\"" : "", title, views, map, first->n);
        const std::string drawn = std::string(map) == "gradient" ? map : "";
        body += cell(find_row(rows, {"grounding", "pointing_chance", views, label, "", "", drawn}));
        for (const auto& [metric, ignored] : kGrounding)
          body += cell(find_row(rows, {"grounding", metric, views, label, "", "", map}));
        body += "</tr>";
      }
    }
  };
  for (const auto& [label, title] : kGroundingMeans) add(label, title, true);
  for (const std::string& label : labels) add(label, label_text(label), false);
  return table(names, body);
}

std::string population_table(std::span<const ResultRow> rows) {
  if (shown_population(rows) == "all") return {};
  std::string body;
  for (const ResultRow& row : rows) {
    const bool main =
        (row.task == "zero_shot" && row.metric == "auroc" && row.label == "macro") ||
        (row.task == "retrieval" && row.metric == "recall_at_10" && row.direction == "mean");
    if (row.population != "all" || !row.subgroup.empty() || !is_unconditional(row) || !main)
      continue;
    body +=
        "<tr><th scope=\"row\">" + column_heading(row.views) + "</th><td class=\"text\">" +
        (row.task == "zero_shot" ? "AUROC, all findings" : fmt::format("R@10 among {}", row.pool)) +
        fmt::format("</td><td>{}</td>", row.n) + cell(&row) + "</tr>";
  }
  return body.empty() ? body : table({"Shown to the model", "Figure", "Studies", "Value"}, body);
}

std::string value_cell(const ResultRow* row, int decimals, bool sign) {
  return cell(row, decimals, sign);
}

std::string html_table(const std::vector<std::string>& names, const std::string& body) {
  return table(names, body);
}

}  // namespace biplane
