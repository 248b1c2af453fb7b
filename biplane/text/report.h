#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "biplane/text/lexicon.h"

namespace biplane {

// Sections of a report as they stand in the file (data section 3), not yet cleaned; empty where
// absent.
struct ReportSections {
  std::string findings, impression, comparison, indication, technique, examination;
  // The last paragraph that stands under no section that says something else; only where findings
  // and impression are empty.
  std::string last_paragraph;
  std::vector<std::pair<std::string, std::string>>
      other;  // header as written -> text, in file order
};

struct ReportOptions {
  bool findings = true;
  bool impression = true;             // training text = findings, then impression
  bool last_paragraph = true;         // used where both are empty
  bool remove_view_sentences = true;  // sentences that only name the views taken

  template <class V>
  void visit(V& v) {
    v.field("findings", findings);
    v.field("impression", impression);
    v.field("last_paragraph", last_paragraph);
    v.field("remove_view_sentences", remove_view_sentences);
  }
};

// Splits a report at its section headers: capitals with a colon at the start of a line
// ("FINDINGS:"; their many spellings are known), or a known name in any case ("Findings:"), also
// inside a line when written in capitals. A header that names only views ("CHEST, PA AND LATERAL:")
// starts the findings. A text without any header is all findings. Never throws on any bytes.
ReportSections parse_sections(std::string_view report, const Lexicon& lexicon);

// Cleans a text without adding words: list numbering and bullets, placeholders of removed words
// ("___", "XXXX"), invalid UTF-8, control characters, wrongly decoded quotes, repeated blanks and
// line breaks. The end of a numbered item without a full stop gets one. The result is one line,
// empty where nothing is left.
std::string clean_report(std::string_view text);

// Bytes [begin, end) of a sentence.
struct SentenceSpan {
  std::size_t begin = 0, end = 0;
};

// Sentences of a cleaned text, in order, with their end marks; "3.5 cm" and "Dr. X" are not split.
std::vector<SentenceSpan> sentence_spans(std::string_view text);
std::vector<std::string> split_sentences(std::string_view text);

// The text that training uses: the chosen sections cleaned, without sentences that only name views,
// findings first. Empty where the report says nothing: the caller drops and counts it.
std::string training_text(const ReportSections& sections, const Lexicon& lexicon,
                          const ReportOptions& options = {});

// The same from a whole report.
std::string training_text(std::string_view report, const Lexicon& lexicon,
                          const ReportOptions& options = {});

}  // namespace biplane
