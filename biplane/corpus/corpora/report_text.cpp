#include "biplane/corpus/corpora/report_text.h"

#include "biplane/text/report.h"

namespace biplane {

Report take_apart(std::string_view text, const Lexicon& lexicon) {
  const ReportSections sections = parse_sections(text, lexicon);
  Report report;
  report.findings = clean_report(sections.findings);
  report.impression = clean_report(sections.impression);
  for (const std::string& part : {sections.indication, sections.comparison}) {
    const std::string cleaned = clean_report(part);
    if (!cleaned.empty()) report.other += (report.other.empty() ? "" : " ") + cleaned;
  }
  report.text = training_text(sections, lexicon);
  // Texts grew by doubling; hundreds of thousands of them are kept.
  for (std::string* part : {&report.findings, &report.impression, &report.other, &report.text})
    part->shrink_to_fit();
  return report;
}

}  // namespace biplane
