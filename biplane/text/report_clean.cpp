// Cleaning and sentence splitting (data section 3).
#include <algorithm>
#include <array>
#include <string>

#include "biplane/text/report.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

struct Replacement {
  std::string_view from, to;
};

// UTF-8 that was read as Windows-1252 and written again, then typographic signs as reports use
// them.
constexpr std::array<Replacement, 17> kReplacements = {{
    {"\u00E2\u20AC\u2122", "'"},
    {"\u00E2\u20AC\u02DC", "'"},
    {"\u00E2\u20AC\u0153", "\""},
    {"\u00E2\u20AC\u009D", "\""},
    {"\u00E2\u20AC\u201C", "-"},
    {"\u00E2\u20AC\u201D", "-"},
    {"\u00C2\u00A0", " "},
    {"\u00C2\u00B0", "\u00B0"},
    {"\u2018", "'"},
    {"\u2019", "'"},
    {"\u201C", "\""},
    {"\u201D", "\""},
    {"\u2010", "-"},
    {"\u2011", "-"},
    {"\u2013", "-"},
    {"\u2014", "-"},
    {"\u2022", "*"},
}};

std::string repair_signs(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Replacement* match = nullptr;
    if (static_cast<unsigned char>(text[i]) >= 0x80) {
      for (const Replacement& candidate : kReplacements) {
        if (text.substr(i, candidate.from.size()) == candidate.from) {
          match = &candidate;
          break;
        }
      }
    }
    result += match != nullptr ? match->to : text.substr(i, 1);
    i += match != nullptr ? match->from.size() : 1;
  }
  return result;
}

// Lines of valid UTF-8 without control characters; every other blank is a space.
std::vector<std::string> readable_lines(std::string_view text) {
  std::vector<std::string> lines(1);
  for (std::size_t position = 0; position < text.size();) {
    const char32_t code = next_code_point(text, position);
    if (code == '\n') {
      lines.emplace_back();
      continue;
    }
    switch (character_kind(code)) {
      case CharacterKind::kRemoved:
        break;
      case CharacterKind::kBlank:
        lines.back() += ' ';
        break;
      default:
        append_utf8(lines.back(), code);
    }
  }
  return lines;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) {
  return is_upper(c) || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}
bool ends_sentence(char c) { return c == '.' || c == '!' || c == '?'; }
bool ends_clause(char c) { return ends_sentence(c) || c == ':' || c == ';'; }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  return at;
}

// Place behind a list number ("1. ", "2) ", "(3) ") that stands at `at` before a letter; `at`
// itself if there is none.
std::size_t behind_number(std::string_view line, std::size_t at, bool capital_needed) {
  std::size_t i = at;
  const bool bracket = i < line.size() && line[i] == '(';
  if (bracket) ++i;
  const std::size_t digits = i;
  while (i < line.size() && is_digit(line[i])) ++i;
  if (i == digits || i - digits > 2 || i >= line.size()) return at;
  if (bracket ? line[i] != ')' : line[i] != '.' && line[i] != ')') return at;
  const std::size_t next = skip_blanks(line, i + 1);
  if (next == i + 1 || next >= line.size()) return at;
  return (capital_needed ? is_upper(line[next]) : is_letter(line[next])) ? next : at;
}

bool is_bullet(std::string_view line, std::size_t at) {
  return at + 1 < line.size() && (line[at] == '-' || line[at] == '*') && line[at + 1] == ' ';
}

// Joins lines without their list marks. An item that follows text without an end mark gets a full
// stop before it, so that two items do not become one sentence.
std::string join_items(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    const std::size_t begin = skip_blanks(line, 0);
    std::size_t at = behind_number(line, begin, false);
    if (is_bullet(line, begin)) at = skip_blanks(line, begin + 1);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    if (at != begin && !text.empty() && !ends_clause(text.back())) text += '.';
    if (!text.empty()) text += ' ';
    while (at < line.size()) {
      const bool after_stop = ends_clause(line[at]) && at + 1 < line.size() && line[at + 1] == ' ';
      text += line[at++];
      if (!after_stop) continue;
      text += ' ';
      const std::size_t next = skip_blanks(line, at);
      at = behind_number(line, next, true);
    }
  }
  return text;
}

bool in_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '\''; }

bool is_placeholder(std::string_view word) {
  return word.find("XXX") != std::string_view::npos || word.find("__") != std::string_view::npos;
}

// Drops words that hold a placeholder of de-identification, with what hyphens join to it, and
// "[** ... **]".
std::string drop_placeholders(std::string_view text) {
  std::string result;
  const std::size_t last_end = text.rfind("**]");
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i, 3) == "[**" && last_end != std::string_view::npos && i < last_end) {
      i = text.find("**]", i) + 3;
      continue;
    }
    if (!in_word(text[i])) {
      result += text[i++];
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && in_word(text[end])) ++end;
    const std::string_view word = text.substr(i, end - i);
    if (!is_placeholder(word)) result += word;
    i = end;
  }
  return result;
}

bool is_mark(char c) { return c == ',' || c == ';' || c == ':' || ends_sentence(c); }

// Removes what dropped words leave behind: blanks before marks, doubled marks, empty brackets,
// lonely slashes.
std::string tidy(std::string_view text) {
  std::string result;
  const auto last = [&] { return result.empty() ? '\0' : result.back(); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') {
      if (!result.empty() && last() != ' ' && last() != '(') result += ' ';
      continue;
    }
    const bool alone = (i == 0 || text[i - 1] == ' ') &&
                       (i + 1 == text.size() || text[i + 1] == ' ' || is_mark(text[i + 1]));
    if (c == '/' && alone) continue;
    if (!is_mark(c) && c != ')') {
      result += c;
      continue;
    }
    while (last() == ' ') result.pop_back();
    if (c == ')' && last() == '(') {
      result.pop_back();
    } else if (is_mark(c) && (is_mark(last()) || last() == '(')) {
      if (ends_sentence(c) && is_mark(last()) && !ends_sentence(last())) result.back() = c;
    } else if (!result.empty()) {
      result += c;
    }
  }
  while (last() == ' ') result.pop_back();
  return result;
}

constexpr std::array<std::string_view, 12> kAbbreviations = {
    "dr", "mr", "mrs", "ms", "vs", "approx", "st", "fig", "cf", "incl", "resp", "prof"};

// The word that ends before `end`, lower-cased.
std::string word_before(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && text[begin - 1] != ' ' && text[begin - 1] != '(') --begin;
  return lower_case(text.substr(begin, end - begin));
}

// True where the full stop at `at`, with a blank behind it, ends no sentence.
bool is_abbreviation(std::string_view text, std::size_t at) {
  const std::string word = word_before(text, at);
  if (std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end())
    return true;
  const std::size_t next = skip_blanks(text, at + 1);
  const bool capital_follows = next < text.size() && is_upper(text[next]);
  return word.find('.') != std::string::npos && !capital_follows;  // "e.g.", "a.m."
}

}  // namespace

std::string clean_report(std::string_view text) {
  std::string cleaned = tidy(drop_placeholders(join_items(readable_lines(repair_signs(text)))));
  const bool holds_word = std::any_of(cleaned.begin(), cleaned.end(),
                                      [](char c) { return is_letter(c) || is_digit(c); });
  return holds_word ? cleaned : std::string();
}

std::vector<SentenceSpan> sentence_spans(std::string_view text) {
  std::vector<SentenceSpan> sentences;
  std::size_t begin = skip_blanks(text, 0);
  const auto finish = [&](std::size_t end) {
    if (end > begin) sentences.push_back({begin, end});
    begin = skip_blanks(text, end);
  };
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (!ends_sentence(text[i])) continue;
    std::size_t end = i + 1;
    while (end < text.size() && (text[end] == ')' || text[end] == '"' || ends_sentence(text[end])))
      ++end;
    const bool blank_follows = end == text.size() || text[end] == ' ';
    if (blank_follows && !(text[i] == '.' && end < text.size() && is_abbreviation(text, i)))
      finish(end);
    i = end - 1;
  }
  finish(text.size());
  if (!sentences.empty()) {
    SentenceSpan& last = sentences.back();
    while (last.end > last.begin && text[last.end - 1] == ' ') --last.end;
    if (last.end == last.begin) sentences.pop_back();
  }
  return sentences;
}

std::vector<std::string> split_sentences(std::string_view text) {
  std::vector<std::string> sentences;
  for (const SentenceSpan& span : sentence_spans(text))
    sentences.emplace_back(text.substr(span.begin, span.end - span.begin));
  return sentences;
}

}  // namespace biplane
