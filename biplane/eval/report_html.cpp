#include "biplane/eval/report_html.h"

#include <fmt/format.h>

#include <cmath>

namespace biplane {
namespace {

constexpr const char* kMinus = "\xE2\x88\x92";  // U+2212, as wide as the plus

}  // namespace

std::string number_text(const std::optional<double>& value, int decimals, bool sign) {
  if (!value || !std::isfinite(*value)) return "-";
  const std::string text =
      sign ? fmt::format("{:+.{}f}", *value, decimals) : fmt::format("{:.{}f}", *value, decimals);
  return text.starts_with('-') ? kMinus + text.substr(1) : text;
}

std::string html_section(const std::string& id, const std::string& title, const std::string& lead,
                         const std::string& content) {
  if (content.empty()) return {};
  return fmt::format("<section id=\"{}\"><h2>{}</h2><p class=\"lead\">{}</p>{}</section>\n", id,
                     title, lead, content);
}

std::string html_hashes(const NamedTexts& values) {
  std::string html = "<dl class=\"hashes\">";
  for (const auto& [name, value] : values) {
    if (!value.empty())
      html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, html_escape(value));
  }
  return html + "</dl>";
}

}  // namespace biplane
