#include "biplane/eval/report_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "biplane/eval/report_html.h"
#include "biplane/eval/report_tables.h"

namespace biplane {
namespace {

using Names = std::vector<std::string>;

struct Key {
  std::string task, metric, views, label, map, condition;
};

const ResultRow* find(std::span<const ResultRow> rows, const Key& key) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow& row) {
    return row.task == "modules/" + key.task && row.metric == key.metric &&
           row.views == key.views && row.label == key.label && row.map == key.map &&
           row.condition == key.condition;
  });
  return found == rows.end() ? nullptr : &*found;
}

// Different values of a key in the rows of a task, in their order.
Names names_of(std::span<const ResultRow> rows, const std::string& task,
               std::string ResultRow::*key) {
  Names names;
  for (const ResultRow& row : rows) {
    if (row.task != "modules/" + task || (row.*key).empty()) continue;
    if (std::find(names.begin(), names.end(), row.*key) == names.end()) names.push_back(row.*key);
  }
  return names;
}

std::string text_cell(const std::string& text) {
  return "<td class=\"text\">" + label_text(text) + "</td>";
}

std::string line_head(const std::string& text) {
  return "<th scope=\"row\">" + html_escape(column_title(text)) + "</th>";
}

std::string titled(const char* title, const char* lead, const std::string& table) {
  return fmt::format("<h3>{}</h3><p class=\"quiet\">{}</p>{}", title, lead, table);
}

std::string selection_part(std::span<const ResultRow> rows) {
  const Names scores = names_of(rows, "selection", &ResultRow::map);
  if (scores.empty()) return {};
  std::string body, details;
  for (const char* views : {"frontal", "lateral", "both"}) {
    for (const std::string& score : scores) {
      body += "<tr>" + line_head(views) + text_cell(score);
      for (const char* metric : {"auroc", "enrichment"})
        body += value_cell(find(rows, {"selection", metric, views, "macro", score, ""}),
                           metric == std::string_view("auroc") ? 3 : 2);
      body += "</tr>";
    }
  }
  Names heads{"Finding", "View"};
  for (const std::string& score : scores) heads.push_back(label_text(score));
  for (const std::string& finding : names_of(rows, "selection", &ResultRow::label)) {
    for (const char* views : {"frontal", "lateral"}) {
      details += "<tr><th scope=\"row\">" + label_text(finding) + "</th>" + text_cell(views);
      for (const std::string& score : scores)
        details += value_cell(find(rows, {"selection", "auroc", views, finding, score, ""}));
      details += "</tr>";
    }
  }
  return titled("Key semantics: does the score find the lesion",
                "AUROC of a score for the patches of a lesion within its view, mean over findings "
                "(chance 0.5), and how often lesion patches are among the best fifth against all "
                "(chance 1). Random and the attention of the global feature are what the score is "
                "held against.",
                html_table({"View", "Figure", "AUROC", "Enrichment"}, body)) +
         "<details><summary>AUROC per finding</summary>" + html_table(heads, details) +
         "</details>";
}

std::string alignment_part(std::span<const ResultRow> rows) {
  std::string body;
  for (const char* views : {"frontal", "lateral"}) {
    for (const char* map : {"attention", "cosine"}) {
      for (const char* images : {"own", "other"}) {
        const ResultRow* game =
            find(rows, {"alignment", "pointing_game", views, "macro", map, images});
        if (game == nullptr) continue;
        body += "<tr>" + line_head(views) + text_cell(map) + text_cell(images) + value_cell(game) +
                value_cell(find(rows, {"alignment", "pointing_chance", views, "macro", "", ""})) +
                value_cell(find(rows, {"alignment", "energy", views, "macro", map, images})) +
                "</tr>";
      }
    }
  }
  std::string gaps;
  for (const char* metric : {"shuffle_gap", "shuffle_gap_words", "shuffle_gap_images"}) {
    const ResultRow* gap = find(rows, {"alignment", metric, "both", "", "", ""});
    if (gap != nullptr)
      gaps += "<tr><th scope=\"row\">" + label_text(metric) + "</th>" + value_cell(gap, 3, true) +
              "</tr>";
  }
  if (body.empty() && gaps.empty()) return {};
  return titled(
      "Alignment: do words find their region",
      "Maps of the finding's words in the study's own report: share of maxima inside the truth and "
      "share of the attention inside, read from the own image and from another patient's, which "
      "shows what knowing the usual place is worth. The gap is the alignment loss with another "
      "patient's lateral less that with the own one, in nats.",
      html_table({"View", "Map", "Figure", "Pointing game", "Chance", "Energy inside"}, body) +
          html_table({"Figure", "Nats"}, gaps));
}

std::string masked_words_part(std::span<const ResultRow> rows) {
  std::string table, effects;
  for (const char* images : {"own", "other", "blank"}) {
    std::string line = "<tr>" + line_head(std::string(images) + " images");
    bool any = false;
    for (const char* by : {"own", "other", "random"}) {
      const ResultRow* row = find(rows, {"masked_words", "word_accuracy", "both", "entity", "",
                                         std::string(images) + "/" + by});
      any = any || row != nullptr;
      line += value_cell(row);
    }
    if (any) table += line + "</tr>";
  }
  if (table.empty()) return {};
  for (const std::string& word_class : names_of(rows, "masked_words", &ResultRow::label)) {
    const auto row = [&](const char* metric, const char* condition) {
      return find(rows, {"masked_words", metric, "both", word_class, "", condition});
    };
    const ResultRow* own = row("word_accuracy", "own/own");
    effects += "<tr><th scope=\"row\">" + label_text(word_class) + "</th>" +
               fmt::format("<td>{}</td>", own == nullptr ? 0 : own->n) + value_cell(own) +
               value_cell(row("image_effect", "own/own"), 3, true) +
               value_cell(row("leak", "blank/own"), 3, true) + "</tr>";
  }
  return titled(
      "Masked words: do the images help, and do the words leak",
      "Share of masked entity words that are found, by the images that are shown (lines) "
      "and by what the patches were selected with: the own report, another one, chance. "
      "Image effect: own less another study's images. Leak: with black images, selection "
      "by the own report less by chance; it must include 0.",
      html_table({"Figure", "own report", "another report", "chance"}, table) +
          html_table({"Class of words", "Words", "Accuracy", "Image effect", "Leak"}, effects));
}

std::string contrast_part(std::span<const ResultRow> rows) {
  std::string body;
  for (const char* views : {"frontal", "lateral", "both"}) {
    for (const char* label : {"all", "with_findings", "without_findings"}) {
      const auto row = [&](const char* metric, const char* group) {
        return find(rows, {"false_negatives", metric, views, label, "", group});
      };
      if (row("cosine", "same") == nullptr) continue;
      body += "<tr>" + line_head(views) + text_cell(label) + value_cell(row("cosine", "own")) +
              value_cell(row("cosine", "same")) + value_cell(row("cosine", "different")) +
              value_cell(row("cosine_difference", "same"), 3, true) +
              value_cell(row("contrast_lift", "same"), 2) +
              value_cell(row("contrast_lift", "different"), 2) + "</tr>";
    }
  }
  if (body.empty()) return {};
  return titled("Contrast: are reports of the same findings pushed away",
                "Cosine of a study's image feature with its own report, with reports of other "
                "patients that have the same set of findings, and with the others; and how many "
                "times the even share of the softmax one such report gets.",
                html_table({"View", "Figure", "own", "same findings", "others", "same less others",
                            "share, same", "share, others"},
                           body));
}

std::string counterfactual_part(std::span<const ResultRow> rows) {
  const Names columns = names_of(rows, "counterfactual", &ResultRow::views);
  if (columns.empty()) return {};
  Names heads{"Finding", "Pairs"};
  for (const std::string& views : columns) heads.push_back(html_escape(column_title(views)));
  std::string body;
  for (const std::string& finding : names_of(rows, "counterfactual", &ResultRow::label)) {
    const auto row = [&](const std::string& views) {
      return find(rows, {"counterfactual", "win_rate", views, finding, "", ""});
    };
    body +=
        "<tr><th scope=\"row\">" + label_text(finding) + "</th>" +
        fmt::format("<td>{}</td>", row(columns.front()) == nullptr ? 0 : row(columns.front())->n);
    for (const std::string& views : columns) body += value_cell(row(views));
    body += "</tr>";
  }
  return titled("Counterfactuals: does the score fall when only the finding is gone",
                "Share of studies whose score for a finding is higher than that of the same study "
                "without it (chance 0.5).",
                html_table(heads, body));
}

}  // namespace

std::string modules_section(std::span<const ResultRow> rows) {
  return html_section("modules", "Do the modules do what they claim",
                      "Measured where the truth is known, over studies with both views and a "
                      "report.",
                      selection_part(rows) + alignment_part(rows) + masked_words_part(rows) +
                          contrast_part(rows) + counterfactual_part(rows));
}

}  // namespace biplane
