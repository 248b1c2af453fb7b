#include <fmt/format.h>

#include "biplane/eval/report_html.h"
#include "biplane/tasks/ablation_report.h"

namespace biplane {
namespace {

// Text of the tables with ** as bold, escaped.
std::string html_text(const std::string& text) {
  const std::string escaped = html_escape(text);
  std::string html;
  bool bold = false;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped.compare(i, 2, "**") != 0) {
      html += escaped[i];
      continue;
    }
    html += bold ? "</b>" : "<b>";
    bold = !bold;
    ++i;
  }
  return html;
}

std::string html_row(const std::vector<std::string>& cells, bool head) {
  std::string html = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const char* tag = head || i == 0 ? "th" : "td";
    html += fmt::format("<{0}>{1}</{0}>", tag, html_text(cells[i]));
  }
  return html + "</tr>";
}

std::string html_table(const std::vector<std::vector<std::string>>& table) {
  std::string html =
      "<div class=\"scroll\"><table><thead>" + html_row(table.front(), true) + "</thead><tbody>";
  for (std::size_t i = 1; i < table.size(); ++i) html += html_row(table[i], false);
  return html + "</tbody></table></div>";
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

}  // namespace

std::string ablation_markdown(const AblationReport& report, const std::string& figure) {
  std::string text = fmt::format("# {}\n\n![{}]({})\n", report.title, report.figure.title, figure);
  for (const AblationSection& section : report.sections) {
    text += fmt::format("\n## {}\n\n{}\n\n", section.title, section.lead);
    text += markdown_row(section.table.front()) + "|";
    for (std::size_t i = 0; i < section.table.front().size(); ++i) text += "---|";
    text += "\n";
    for (std::size_t i = 1; i < section.table.size(); ++i) text += markdown_row(section.table[i]);
  }
  return text;
}

std::string ablation_html(const AblationReport& report) {
  std::string content = html_section("figure", report.figure.title, "", forest_svg(report.figure));
  for (std::size_t i = 0; i < report.sections.size(); ++i) {
    const AblationSection& section = report.sections[i];
    content += html_section(fmt::format("part-{}", i), html_text(section.title),
                            html_text(section.lead), html_table(section.table));
  }
  return html_page({"biplane ablate", report.title, {}}, content);
}

}  // namespace biplane
