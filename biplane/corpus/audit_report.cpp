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
      const char* mark = !leaks ? "BAD " : finding.allowed ? "ALLOWED LEAK" : "LEAK";
      text += fmt::format("{} {}: {}\n", mark, finding.kind, finding.detail);
    }
    if (count > kShown) text += fmt::format("... and {} more (--json lists all)\n", count - kShown);
  }
  return text;
}

// One line a manifest and one for what two of them have in common; nothing for a manifest alone.
std::string manifests_table(const AuditReport& report) {
  if (report.manifests.size() < 2) return {};
  std::string text;
  for (const AuditedManifest& manifest : report.manifests) {
    text += fmt::format("manifest  {}: {} studies, {} images; {}\n", manifest.name,
                        manifest.studies, manifest.images, counts_line(manifest.splits));
  }
  for (const AuditOverlap& overlap : report.overlaps) {
    text += fmt::format("in both   {} and {}: {}\n", overlap.first, overlap.second,
                        counts_line(overlap.things));
  }
  for (const std::string& note : report.notes) text += "note      " + note + "\n";
  return text + "\n";
}

nlohmann::ordered_json manifests_json(const AuditReport& report) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const AuditedManifest& manifest : report.manifests) {
    list.push_back({{"name", manifest.name},
                    {"studies", manifest.studies},
                    {"images", manifest.images},
                    {"splits", manifest.splits}});
  }
  return list;
}

nlohmann::ordered_json overlaps_json(const AuditReport& report) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const AuditOverlap& overlap : report.overlaps) {
    list.push_back(
        {{"first", overlap.first}, {"second", overlap.second}, {"in_both", overlap.things}});
  }
  return list;
}

}  // namespace

std::string audit_table(const AuditReport& report) {
  std::string text = manifests_table(report);
  text += fmt::format("studies   {} of {} patients, {} images\n", report.studies, report.patients,
                      report.images);
  text += "splits    " + counts_line(report.splits) + "\n";
  text += "views     " + counts_line(report.views) + "\n";
  text += "studies   " + counts_line(report.view_sets) + "\n";
  text += fmt::format("reports   {} empty, {} texts used by several studies of a split\n",
                      report.empty_reports, report.repeated_reports);
  text += fmt::format(
      "images    {} used by several studies of a split, {} with copies in their split\n",
      report.repeated_images, report.repeated_copies);
  text += labels_table(report) + lengths_table(report) + "\n";
  text += findings_table(report);
  text += fmt::format("{}: {} bad files, {} leaks", report.clean() ? "clean" : "NOT CLEAN",
                      report.bad_files, report.leaks);
  if (report.allowed_leaks > 0) text += fmt::format(", {} allowed leaks", report.allowed_leaks);
  return text + "\n";
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
    findings.push_back({{"kind", finding.kind},
                        {"detail", finding.detail},
                        {"leak", finding.is_leak},
                        {"allowed", finding.allowed}});
  }
  const ordered_json document = {{"clean", report.clean()},
                                 {"studies", report.studies},
                                 {"patients", report.patients},
                                 {"images", report.images},
                                 {"bad_files", report.bad_files},
                                 {"leaks", report.leaks},
                                 {"allowed_leaks", report.allowed_leaks},
                                 {"manifests", manifests_json(report)},
                                 {"overlaps", overlaps_json(report)},
                                 {"notes", report.notes},
                                 {"empty_reports", report.empty_reports},
                                 {"repeated_images", report.repeated_images},
                                 {"repeated_copies", report.repeated_copies},
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
