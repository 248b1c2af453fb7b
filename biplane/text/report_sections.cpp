// The section parser and the text that training uses (data section 3).
#include <algorithm>
#include <optional>
#include <string>

#include "biplane/text/report.h"
#include "biplane/text/section_headers.h"

namespace biplane {
namespace {

struct Part {
  Section section = Section::kPreamble;
  std::string header, text;
};

std::vector<Part> split_parts(std::string_view report, const Lexicon& lexicon) {
  std::vector<Part> parts(1);
  for (const std::string& line : header_lines(report)) {
    if (is_boilerplate(line)) continue;
    const std::optional<SectionHeader> header =
        header_at_start(line, parts.back().section, lexicon);
    if (!header) {
      parts.back().text += line + "\n";
    } else if (header->keep_in_text && header->section == parts.back().section) {
      parts.back().text += line + "\n";
    } else {
      parts.push_back({header->section, header->name,
                       (header->keep_in_text ? line : line.substr(header->length)) + "\n"});
    }
  }
  return parts;
}

// Cuts the last paragraph off `text`, if one stands behind a blank line (or is all of it, with
// `whole`).
std::string take_last_paragraph(std::string& text, bool whole) {
  std::vector<std::pair<std::size_t, std::size_t>> paragraphs;
  bool inside = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const bool blank = trim(std::string_view(text).substr(begin, end - begin)).empty();
    if (!blank && !inside) paragraphs.emplace_back(begin, end);
    if (!blank) paragraphs.back().second = end;
    inside = !blank;
    begin = end + 1;
  }
  if (paragraphs.empty() || (paragraphs.size() == 1 && !whole)) return {};
  const auto [begin, end] = paragraphs.back();
  std::string last = text.substr(begin, end - begin);
  text.erase(begin);
  return last;
}

std::string find_last_paragraph(std::vector<Part>& parts) {
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->section == Section::kOther) continue;
    std::string last = take_last_paragraph(part->text, part->section == Section::kPreamble);
    if (!last.empty()) return last;
  }
  return {};
}

void append_part(std::string& text, std::string_view part) {
  if (part.empty()) return;
  if (!text.empty()) text += '\n';
  text += part;
}

bool has_text(const std::vector<Part>& parts, Section section) {
  return std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
    return part.section == section && !clean_report(part.text).empty();
  });
}

}  // namespace

ReportSections parse_sections(std::string_view report, const Lexicon& lexicon) {
  std::vector<Part> parts = split_parts(report, lexicon);
  if (parts.size() == 1) parts[0].section = Section::kFindings;
  ReportSections sections;
  if (!has_text(parts, Section::kFindings) && !has_text(parts, Section::kImpression)) {
    sections.last_paragraph = find_last_paragraph(parts);
  }
  for (const Part& part : parts) {
    const std::string_view text = trim(part.text);
    switch (part.section) {
      case Section::kFindings:
        append_part(sections.findings, text);
        break;
      case Section::kImpression:
        append_part(sections.impression, text);
        break;
      case Section::kComparison:
        append_part(sections.comparison, text);
        break;
      case Section::kIndication:
        append_part(sections.indication, text);
        break;
      case Section::kTechnique:
        append_part(sections.technique, text);
        break;
      case Section::kExamination:
        append_part(sections.examination, text);
        break;
      case Section::kPreamble:
      case Section::kOther:
        if (!text.empty()) sections.other.emplace_back(part.header, text);
    }
  }
  return sections;
}

std::string training_text(const ReportSections& sections, const Lexicon& lexicon,
                          const ReportOptions& options) {
  std::string text;
  const auto add = [&](const std::string& section) {
    for (const std::string& sentence : split_sentences(clean_report(section))) {
      if (options.remove_view_sentences && lexicon.only_names_views(sentence)) continue;
      if (!text.empty()) text += ' ';
      text += sentence;
    }
  };
  if (options.findings) add(sections.findings);
  if (options.impression) add(sections.impression);
  if (text.empty() && options.last_paragraph) add(sections.last_paragraph);
  return text;
}

std::string training_text(std::string_view report, const Lexicon& lexicon,
                          const ReportOptions& options) {
  return training_text(parse_sections(report, lexicon), lexicon, options);
}

}  // namespace biplane
