#include "biplane/text/section_headers.h"

#include <algorithm>
#include <array>

#include "biplane/core/nearest_name.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

constexpr std::size_t kLongestName = 80;  // bytes of a header

struct SectionName {
  std::string_view name;  // lower case
  Section section;
};

// Names of sections; others are recognised by the words in them (section_of_words).
constexpr std::array<SectionName, 48> kNames = {{
    {"findings", Section::kFindings},
    {"finding", Section::kFindings},
    {"findings and impression", Section::kFindings},
    {"findings impression", Section::kFindings},
    {"result", Section::kFindings},
    {"results", Section::kFindings},
    {"report", Section::kFindings},
    {"observations", Section::kFindings},
    {"description", Section::kFindings},
    {"chest", Section::kFindings},
    {"impression", Section::kImpression},
    {"impressions", Section::kImpression},
    {"impression and recommendation", Section::kImpression},
    {"impression and recommendations", Section::kImpression},
    {"impression recommendation", Section::kImpression},
    {"impression recommendations", Section::kImpression},
    {"conclusion", Section::kImpression},
    {"conclusions", Section::kImpression},
    {"opinion", Section::kImpression},
    {"summary", Section::kImpression},
    {"interpretation", Section::kImpression},
    {"assessment", Section::kImpression},
    {"comparison", Section::kComparison},
    {"comparisons", Section::kComparison},
    {"comparison exam", Section::kComparison},
    {"comparison film", Section::kComparison},
    {"reference exam", Section::kComparison},
    {"reference examination", Section::kComparison},
    {"prior studies", Section::kComparison},
    {"prior study", Section::kComparison},
    {"indication", Section::kIndication},
    {"indications", Section::kIndication},
    {"history", Section::kIndication},
    {"clinical history", Section::kIndication},
    {"patient history", Section::kIndication},
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
    {"exam type", Section::kExamination},
    {"type of exam", Section::kExamination},
    {"study", Section::kExamination},
}};

// Lines that introduce the report and say nothing.
constexpr std::array<std::string_view, 3> kBoilerplate = {"final report", "final addendum",
                                                          "preliminary report"};

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

std::optional<Section> known_name(const std::string& name) {
  for (const SectionName& known : kNames) {
    if (known.name == name) return known.section;
  }
  return std::nullopt;
}

bool holds(const std::string& name, std::string_view word) {
  return name.find(word) != std::string::npos;
}

// "RADIOGRAPHIC FINDINGS", "FINAL INTERPRETATION", "REASON FOR THIS EXAMINATION". What was said
// before the report proper ("PROVISIONAL FINDINGS IMPRESSION (PFI)") is said again in it.
std::optional<Section> section_of_words(const std::string& name) {
  if (holds(name, "provisional") || holds(name, "preliminary")) return Section::kOther;
  if (holds(name, "finding")) return Section::kFindings;
  if (holds(name, "impression") || holds(name, "conclusion") || holds(name, "interpretation"))
    return Section::kImpression;
  if (holds(name, "comparison")) return Section::kComparison;
  if (holds(name, "reason") || holds(name, "indication") || holds(name, "history") ||
      holds(name, "clinical"))
    return Section::kIndication;
  if (holds(name, "technique")) return Section::kTechnique;
  if (holds(name, "examination")) return Section::kExamination;
  return std::nullopt;
}

// "FNDINGS", "IMPRESSON": long names with a few letters wrong.
std::optional<Section> misspelt_name(const std::string& name) {
  if (name.size() < 7) return std::nullopt;
  for (const char* known :
       {"findings", "impression", "comparison", "indication", "technique", "examination"}) {
    const std::optional<std::string> nearest = nearest_name(name, {known});
    const std::size_t length = std::string_view(known).size();
    const std::size_t difference = std::max(length, name.size()) - std::min(length, name.size());
    const bool begins = name[0] == known[0] || name == known + 1;
    if (nearest.has_value() && difference <= 2 && begins) return known_name(known);
  }
  return std::nullopt;
}

bool names_anatomy(const std::string& name, const Lexicon& lexicon) {
  const SplitText split = split_words(name, true);
  return std::any_of(split.words.begin(), split.words.end(), [&](const SplitWord& word) {
    const WordClass word_class = lexicon.classify(split.view(word));
    return word_class == WordClass::kEntity || word_class == WordClass::kPlace ||
           word_class == WordClass::kDevice;
  });
}

// "CHEST RADIOGRAPH", "CXR", "PORTABLE CHEST": what was taken, with the findings behind it.
bool names_the_images(const std::string& name, const Lexicon& lexicon) {
  if (lexicon.only_names_views(name)) return true;
  return (holds(name, "chest") || holds(name, "cxr") || holds(name, "radiograph")) &&
         lexicon.only_names_views(name + " view");
}

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
  const auto digit = [&](std::size_t i) {
    return i < line.size() && line[i] >= '0' && line[i] <= '9';
  };
  std::size_t colon = line.find(':', from);
  while (colon != std::string_view::npos && colon > 0 && digit(colon - 1) && digit(colon + 1)) {
    colon = line.find(':', colon + 1);
  }
  return colon;
}

// What a name in capitals means inside section `current`.
SectionHeader capital_header(std::string_view name, std::size_t length, Section current,
                             const Lexicon& lexicon) {
  const std::string words = join_words(name);
  SectionHeader header{std::string(name), Section::kOther, length, false};
  std::optional<Section> section = known_name(words);
  if (!section) section = section_of_words(words);
  if (!section) section = misspelt_name(words);
  if (!section && names_the_images(words, lexicon)) section = Section::kFindings;
  if (!section && names_anatomy(words, lexicon)) {
    section = current == Section::kImpression ? Section::kImpression : Section::kFindings;
    header.keep_in_text = true;
  }
  header.section = section.value_or(Section::kOther);
  return header;
}

// True where a new section may start inside a line: behind a sentence, a placeholder or a gap
// ("CLINICAL HISTORY" is one name).
bool may_start_header(std::string_view line, std::size_t begin) {
  if (begin < 2 || line[begin - 1] != ' ') return false;
  return std::string_view(".!?:;)_ ").find(line[begin - 2]) != std::string_view::npos;
}

// Start of a known name in capitals that ends with a colon inside `line`, not at its start.
std::optional<std::size_t> inline_header(std::string_view line) {
  constexpr int kMostWords = 4;
  for (std::size_t colon = find_colon(line, 0); colon != std::string_view::npos;
       colon = find_colon(line, colon + 1)) {
    std::size_t begin = colon;
    const std::size_t earliest = colon > kLongestName ? colon - kLongestName : 0;
    for (int words = 0; words < kMostWords && begin > earliest; ++words) {
      while (begin > earliest && line[begin - 1] == ' ') --begin;
      while (begin > earliest && line[begin - 1] != ' ') --begin;
      const std::string_view name = line.substr(begin, colon - begin);
      if (!is_capitals(name)) break;
      const bool is_first = trim(line.substr(0, begin)).empty();
      if (!is_first && may_start_header(line, begin) && known_name(join_words(name))) return begin;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::optional<SectionHeader> header_at_start(std::string_view line, Section current,
                                             const Lexicon& lexicon) {
  const std::string_view trimmed = trim(line);
  const std::optional<Section> alone = known_name(join_words(trimmed));
  if (alone && is_capitals(trimmed) && trimmed.find(':') == std::string_view::npos) {
    return SectionHeader{std::string(trimmed), *alone, line.size(), false};
  }
  const std::size_t colon = find_colon(line, 0);
  if (colon == std::string_view::npos || colon > kLongestName) return std::nullopt;
  const std::string_view name = trim(line.substr(0, colon));
  if (is_capitals(name)) return capital_header(name, colon + 1, current, lexicon);
  const std::optional<Section> section = known_name(join_words(name));
  if (!section) return std::nullopt;
  return SectionHeader{std::string(name), *section, colon + 1, false};
}

std::vector<std::string> header_lines(std::string_view report) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin <= report.size();) {
    const std::size_t end = std::min(report.find('\n', begin), report.size());
    std::string_view line = report.substr(begin, end - begin);
    while (const std::optional<std::size_t> inner = inline_header(line)) {
      lines.emplace_back(line.substr(0, *inner));
      line.remove_prefix(*inner);
    }
    lines.emplace_back(line);
    begin = end + 1;
  }
  return lines;
}

bool is_boilerplate(std::string_view line) {
  return std::find(kBoilerplate.begin(), kBoilerplate.end(), join_words(line)) !=
         kBoilerplate.end();
}

}  // namespace biplane
