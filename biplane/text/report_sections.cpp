// The section parser and the text that training uses (data section 3).
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "biplane/core/error.h"
#include "biplane/text/report.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

enum class Section { kPreamble, kFindings, kImpression, kComparison, kIndication, kTechnique, kExamination, kOther };

struct SectionName {
  std::string_view name;  // lower case
  Section section;
};

// Names of sections; others are recognised by the words in them (section_of_words).
constexpr std::array<SectionName, 31> kNames = {{
    {"findings", Section::kFindings},
    {"finding", Section::kFindings},
    {"report", Section::kFindings},
    {"observations", Section::kFindings},
    {"description", Section::kFindings},
    {"chest", Section::kFindings},
    {"impression", Section::kImpression},
    {"impressions", Section::kImpression},
    {"conclusion", Section::kImpression},
    {"conclusions", Section::kImpression},
    {"opinion", Section::kImpression},
    {"summary", Section::kImpression},
    {"interpretation", Section::kImpression},
    {"assessment", Section::kImpression},
    {"comparison", Section::kComparison},
    {"comparisons", Section::kComparison},
    {"indication", Section::kIndication},
    {"indications", Section::kIndication},
    {"history", Section::kIndication},
    {"clinical history", Section::kIndication},
    {"clinical information", Section::kIndication},
    {"clinical indication", Section::kIndication},
    {"reason for exam", Section::kIndication},
    {"reason for examination", Section::kIndication},
    {"reason", Section::kIndication},
    {"technique", Section::kTechnique},
    {"procedure", Section::kTechnique},
    {"exam", Section::kExamination},
    {"examination", Section::kExamination},
    {"type of examination", Section::kExamination},
    {"study", Section::kExamination},
}};

// Lines that introduce the report and say nothing.
constexpr std::array<std::string_view, 3> kBoilerplate = {"final report", "final addendum", "preliminary report"};

std::string join_words(std::string_view text) {
  const SplitText split = split_words(text, true);
  std::string joined;
  for (const SplitWord& word : split.words) {
    if (word.punctuation) continue;
    if (!joined.empty()) joined += ' ';
    joined += split.view(word);
  }
  return joined;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::optional<Section> known_name(const std::string& name) {
  for (const SectionName& known : kNames) {
    if (known.name == name) return known.section;
  }
  return std::nullopt;
}

bool holds(const std::string& name, std::string_view word) { return name.find(word) != std::string::npos; }

// "FINDINGS AND IMPRESSION", "IMPRESSION AND RECOMMENDATIONS", "REASON FOR THIS EXAMINATION".
std::optional<Section> section_of_words(const std::string& name) {
  if (holds(name, "finding")) return Section::kFindings;
  if (holds(name, "impression") || holds(name, "conclusion")) return Section::kImpression;
  if (holds(name, "comparison")) return Section::kComparison;
  if (holds(name, "reason") || holds(name, "indication") || holds(name, "history")) return Section::kIndication;
  if (holds(name, "technique")) return Section::kTechnique;
  if (holds(name, "examination")) return Section::kExamination;
  return std::nullopt;
}

// "FNDINGS", "IMPRESSON": long names with at most two letters wrong.
std::optional<Section> misspelt_name(const std::string& name) {
  if (name.size() < 7) return std::nullopt;
  for (const char* known : {"findings", "impression", "comparison", "indication", "technique", "examination"}) {
    const std::optional<std::string> nearest = nearest_name(name, {known});
    const std::size_t length = std::string_view(known).size();
    const std::size_t difference = std::max(length, name.size()) - std::min(length, name.size());
    if (nearest.has_value() && difference <= 2 && name[0] == known[0]) return known_name(known);
  }
  return std::nullopt;
}

bool names_anatomy(const std::string& name, const Lexicon& lexicon) {
  const SplitText split = split_words(name, true);
  return std::any_of(split.words.begin(), split.words.end(), [&](const SplitWord& word) {
    const WordClass word_class = lexicon.classify(split.view(word));
    return word_class == WordClass::kEntity || word_class == WordClass::kPlace || word_class == WordClass::kDevice;
  });
}

struct Header {
  std::string name;           // as written
  Section section;
  std::size_t length = 0;     // of the line, with the colon
  bool keep_in_text = false;  // "LUNGS:" inside the findings is part of them
};

bool is_capitals(std::string_view name) {
  std::size_t letters = 0;
  for (const char c : name) {
    if (c >= 'a' && c <= 'z') return false;
    if (c >= 'A' && c <= 'Z') ++letters;
    if (std::string_view("!?=<>\"").find(c) != std::string_view::npos) return false;
  }
  return letters >= 2;
}

// The colon that ends a name; that of a time of day ("5:14") does not.
std::size_t find_colon(std::string_view line, std::size_t from) {
  const auto digit = [&](std::size_t i) { return i < line.size() && line[i] >= '0' && line[i] <= '9'; };
  std::size_t colon = line.find(':', from);
  while (colon != std::string_view::npos && colon > 0 && digit(colon - 1) && digit(colon + 1)) {
    colon = line.find(':', colon + 1);
  }
  return colon;
}

// What a name in capitals means inside section `current`.
Header capital_header(std::string_view name, std::size_t length, Section current, const Lexicon& lexicon) {
  const std::string words = join_words(name);
  Header header{std::string(name), Section::kOther, length, false};
  std::optional<Section> section = known_name(words);
  if (!section) section = section_of_words(words);
  if (!section) section = misspelt_name(words);
  if (!section && lexicon.only_names_views(words)) section = Section::kFindings;
  if (!section && names_anatomy(words, lexicon)) {
    section = current == Section::kImpression ? Section::kImpression : Section::kFindings;
    header.keep_in_text = true;
  }
  header.section = section.value_or(Section::kOther);
  return header;
}

// The header that `line` starts with.
std::optional<Header> header_at_start(std::string_view line, Section current, const Lexicon& lexicon) {
  constexpr std::size_t kLongestName = 80;
  const std::string_view trimmed = trim(line);
  const std::optional<Section> alone = known_name(join_words(trimmed));
  if (alone && is_capitals(trimmed) && trimmed.find(':') == std::string_view::npos) {
    return Header{std::string(trimmed), *alone, line.size(), false};
  }
  const std::size_t colon = find_colon(line, 0);
  if (colon == std::string_view::npos || colon > kLongestName) return std::nullopt;
  const std::string_view name = trim(line.substr(0, colon));
  if (is_capitals(name)) return capital_header(name, colon + 1, current, lexicon);
  const std::optional<Section> section = known_name(join_words(name));
  if (!section) return std::nullopt;
  return Header{std::string(name), *section, colon + 1, false};
}

// Start of a known name in capitals that ends with a colon inside `line`, behind position `from`.
struct InlineHeader {
  std::size_t begin = 0;
};
std::optional<InlineHeader> inline_header(std::string_view line, std::size_t from) {
  for (std::size_t colon = find_colon(line, from); colon != std::string_view::npos; colon = find_colon(line, colon + 1)) {
    // The longest known name of up to four words that ends here.
    std::optional<InlineHeader> best;
    std::size_t begin = colon;
    for (int words = 0; words < 4 && begin > from; ++words) {
      while (begin > from && line[begin - 1] == ' ') --begin;
      while (begin > from && line[begin - 1] != ' ') --begin;
      const std::string_view name = line.substr(begin, colon - begin);
      if (!is_capitals(name)) break;
      if (begin > from && known_name(join_words(name))) best = InlineHeader{begin};
    }
    if (best) return best;
  }
  return std::nullopt;
}

struct Part {
  Section section = Section::kPreamble;
  std::string header, text;
};

// Cuts lines so that every known header stands at the start of one.
std::vector<std::string> header_lines(std::string_view report) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin <= report.size();) {
    const std::size_t end = std::min(report.find('\n', begin), report.size());
    std::string_view line = report.substr(begin, end - begin);
    while (const std::optional<InlineHeader> inner = inline_header(line, 0)) {
      lines.emplace_back(line.substr(0, inner->begin));
      line.remove_prefix(inner->begin);
    }
    lines.emplace_back(line);
    begin = end + 1;
  }
  return lines;
}

std::vector<Part> split_parts(std::string_view report, const Lexicon& lexicon) {
  std::vector<Part> parts(1);
  for (const std::string& line : header_lines(report)) {
    const std::string words = join_words(line);
    if (std::find(kBoilerplate.begin(), kBoilerplate.end(), words) != kBoilerplate.end()) continue;
    const std::optional<Header> header = header_at_start(line, parts.back().section, lexicon);
    if (!header) {
      parts.back().text += line + "\n";
    } else if (header->keep_in_text && header->section == parts.back().section) {
      parts.back().text += line + "\n";
    } else {
      parts.push_back({header->section, header->name, (header->keep_in_text ? line : line.substr(header->length)) + "\n"});
    }
  }
  return parts;
}

// Cuts the last paragraph off `text`, if one stands behind a blank line (or is all of it, with `whole`).
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
  return std::any_of(parts.begin(), parts.end(),
                     [&](const Part& part) { return part.section == section && !clean_report(part.text).empty(); });
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

std::string training_text(const ReportSections& sections, const Lexicon& lexicon, const ReportOptions& options) {
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

std::string training_text(std::string_view report, const Lexicon& lexicon, const ReportOptions& options) {
  return training_text(parse_sections(report, lexicon), lexicon, options);
}

}  // namespace biplane
