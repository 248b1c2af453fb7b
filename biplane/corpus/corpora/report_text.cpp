#include "biplane/corpus/corpora/report_text.h"

namespace biplane {

void fill_report(const ReportSections& sections, const Lexicon& lexicon, Report& report,
                 const ReportOptions& options) {
  report.findings = clean_report(sections.findings);
  report.impression = clean_report(sections.impression);
  report.other.clear();
  for (const std::string& text : {sections.indication, sections.comparison}) {
    const std::string cleaned = clean_report(text);
    if (!cleaned.empty()) report.other += (report.other.empty() ? "" : " ") + cleaned;
  }
  report.text = training_text(sections, lexicon, options);
}

std::string why_no_report(const Study& study) {
  return study.report.text.empty() ? "empty report" : "";
}

}  // namespace biplane
