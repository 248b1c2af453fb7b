#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "biplane/corpus/audit.h"

namespace biplane {
namespace {

template <class Key>
std::string counts_line(const std::map<Key, std::int64_t>& counts) {
  std::string line;
  for (const auto& [name, count] : counts)
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name, count);
  return line;
}

std::int64_t count_of(const std::map<int, std::int64_t>& values, int value) {
  const auto found = values.find(value);
  return found == values.end() ? 0 : found->second;
}

std::string labels_table(const AuditReport& report) {
  if (report.labels.empty()) return {};
  std::string text =
      fmt::format("\n{:<40} {:>8} {:>8} {:>9}\n", "label", "present", "absent", "uncertain");
  for (const auto& [label, values] : report.labels) {
    text += fmt::format("{:<40} {:>8} {:>8} {:>9}\n", label, count_of(values, 1),
                        count_of(values, 0), count_of(values, -1));
  }
  return text;
}

std::string lengths_table(const AuditReport& report) {
  constexpr std::int64_t kBarWidth = 40, kBin = 10;
  if (report.text_lengths.empty()) return {};
  std::int64_t most = 1;
  for (const auto& [words, count] : report.text_lengths) most = std::max(most, count);
  std::string text = "\nwords in a report   studies\n";
  for (const auto& [words, count] : report.text_lengths) {
    const auto bar = static_cast<std::size_t>((count * kBarWidth + most - 1) / most);
    text += fmt::format("{:>6} to {:<6} {:>10}  {}\n", words, words + kBin - 1, count,
                        std::string(bar, '#'));
  }
  return text;
}

// Leaks first, then bad files; a wrong root makes every file bad, so the list is cut.
std::string findings_table(const AuditReport& report) {
  constexpr std::int64_t kShown = 20;
  std::string text;
  for (const bool leaks : {true, false}) {
    std::int64_t count = 0;
    for (const AuditFinding& finding : report.findings) {
      if (finding.is_leak != leaks || ++count > kShown) continue;
      text += fmt::format("{} {}: {}\n", leaks ? "LEAK" : "BAD ", finding.kind, finding.detail);
    }
    if (count > kShown) text += fmt::format("... and {} more (--json lists all)\n", count - kShown);
  }
  return text;
}

}  // namespace

std::string audit_table(const AuditReport& report) {
  std::string text = fmt::format("studies   {} of {} patients, {} images\n", report.studies,
                                 report.patients, report.images);
  text += "splits    " + counts_line(report.splits) + "\n";
  text += "views     " + counts_line(report.views) + "\n";
  text += "studies   " + counts_line(report.view_sets) + "\n";
  text += fmt::format("reports   {} empty, {} texts used by several studies of a split\n",
                      report.empty_reports, report.repeated_reports);
  text += fmt::format("images    {} used by several studies of a split\n", report.repeated_images);
  text += labels_table(report) + lengths_table(report) + "\n";
  text += findings_table(report);
  return text + fmt::format("{}: {} bad files, {} leaks\n", report.clean() ? "clean" : "NOT CLEAN",
                            report.bad_files, report.leaks);
}

std::string audit_json(const AuditReport& report) {
  using nlohmann::ordered_json;
  const auto text_keys = [](const auto& counts) {
    ordered_json object = ordered_json::object();
    for (const auto& [key, count] : counts) object[fmt::format("{}", key)] = count;
    return object;
  };
  ordered_json labels = ordered_json::object();
  for (const auto& [label, values] : report.labels) labels[label] = text_keys(values);
  ordered_json findings = ordered_json::array();
  for (const AuditFinding& finding : report.findings) {
    findings.push_back(
        {{"kind", finding.kind}, {"detail", finding.detail}, {"leak", finding.is_leak}});
  }
  const ordered_json document = {{"clean", report.clean()},
                                 {"studies", report.studies},
                                 {"patients", report.patients},
                                 {"images", report.images},
                                 {"bad_files", report.bad_files},
                                 {"leaks", report.leaks},
                                 {"empty_reports", report.empty_reports},
                                 {"repeated_images", report.repeated_images},
                                 {"repeated_reports", report.repeated_reports},
                                 {"splits", text_keys(report.splits)},
                                 {"views", text_keys(report.views)},
                                 {"view_sets", text_keys(report.view_sets)},
                                 {"labels", labels},
                                 {"words", text_keys(report.text_lengths)},
                                 {"findings", findings}};
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace biplane
