#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/text/lexicon.h"

namespace biplane {

// Recognition of section headers in radiology reports; for report_sections.cpp.
enum class Section {
  kPreamble,
  kFindings,
  kImpression,
  kComparison,
  kIndication,
  kTechnique,
  kExamination,
  kOther
};

struct SectionHeader {
  std::string name;  // as written
  Section section = Section::kOther;
  std::size_t length = 0;     // of the line, with the colon
  bool keep_in_text = false;  // "LUNGS:" inside the findings is part of them
};

// The header that `line` starts with, inside section `current`.
std::optional<SectionHeader> header_at_start(std::string_view line, Section current,
                                             const Lexicon& lexicon);

// The lines of a report, cut so that every known header stands at the start of one.
std::vector<std::string> header_lines(std::string_view report);

// True for lines that introduce a report and say nothing ("FINAL REPORT").
bool is_boilerplate(std::string_view line);

// Without blanks and line ends at both sides.
std::string_view trim(std::string_view text);

}  // namespace biplane
