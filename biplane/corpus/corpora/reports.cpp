#include "biplane/corpus/corpora/reports.h"

namespace biplane {

void fill_report(const ReportSections& sections, const Lexicon& lexicon, Report& report) {
  report.findings = clean_report(sections.findings);
  report.impression = clean_report(sections.impression);
  report.other.clear();
  for (const std::string& text : {sections.indication, sections.comparison}) {
    const std::string cleaned = clean_report(text);
    if (!cleaned.empty()) report.other += (report.other.empty() ? "" : " ") + cleaned;
  }
  report.text = training_text(sections, lexicon);
}

}  // namespace biplane
