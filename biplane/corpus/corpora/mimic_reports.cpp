#include "biplane/corpus/corpora/mimic_reports.h"

#include <simdjson.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <regex>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/parallel.h"
#include "biplane/corpus/corpora/report_text.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/zip.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargest = 1 << 20;  // bytes of a report; the corpus's largest has 10,000
constexpr const char* kArchive = "mimic-cxr-reports.zip";

// The text of a report by its path under files/; nothing where there is none. Safe to call from
// several threads. Throws Error.
using ReportText = std::function<std::optional<std::string>(const std::string& path)>;

ReportText text_in_folder(const fs::path& folder) {
  const fs::path base = fs::is_directory(folder / "files") ? folder / "files" : folder;
  return [base](const std::string& path) -> std::optional<std::string> {
    try {
      return read_file(base / path, kLargest);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kMissingInput) return std::nullopt;
      throw;
    }
  };
}

// What stands before "p10/p10000032/s50414267.txt" in the names of an archive.
std::string folder_of_reports(const ZipArchive& archive) {
  static const std::regex report(R"(p\d\d/p\d{8}/s\d{8}\.txt$)");
  std::smatch match;
  for (const ZipEntry& entry : archive.entries())
    if (std::regex_search(entry.name, match, report)) return match.prefix();
  throw Error(ErrorKind::kUsage,
              archive.name() + ": no report such as files/p10/p10000032/s50414267.txt in it");
}

ReportText text_in_archive(const fs::path& path) {
  ZipLimits limits;
  limits.max_entries = 1'000'000;  // 227,835 reports and their folders
  limits.max_inflated_bytes = kLargest;
  limits.max_all_inflated_bytes = std::uint64_t{1} << 33;  // not kept
  struct Shared {
    ZipArchive archive;
    std::string folder;
    std::mutex mutex;  // an archive is not for several threads
  };
  ZipArchive archive(FileBytes::open(path), limits);
  std::string folder = folder_of_reports(archive);
  const std::shared_ptr<Shared> shared(new Shared{std::move(archive), std::move(folder), {}});
  return [shared](const std::string& name) -> std::optional<std::string> {
    const ZipEntry* entry = shared->archive.find(shared->folder + name);
    if (entry == nullptr) return std::nullopt;
    const std::lock_guard lock(shared->mutex);
    return shared->archive.extract(*entry);
  };
}

ReportText open_reports(const PrepareOptions& options) {
  if (!options.reports.empty()) {
    if (!fs::exists(options.reports))
      throw Error(ErrorKind::kMissingInput, options.reports.string() + ": does not exist");
    return fs::is_directory(options.reports) ? text_in_folder(options.reports)
                                             : text_in_archive(options.reports);
  }
  if (fs::exists(options.root / kArchive)) return text_in_archive(options.root / kArchive);
  const fs::path apart = options.root / "mimic-cxr-reports";
  return text_in_folder(fs::is_directory(apart) ? apart : options.root);
}

std::string report_path(const Study& study) {
  return study.patient_id.substr(0, 3) + "/" + study.patient_id + "/" + study.study_id + ".txt";
}

struct Reading {
  bool there = false;
  std::string problem = {};
  bool foreign = false;  // not UTF-8
};

Reading read_report(const ReportText& text_of, const Lexicon& lexicon, Study& study) {
  try {
    const std::optional<std::string> text = text_of(report_path(study));
    if (!text) return {};
    fill_report(parse_sections(*text, lexicon), lexicon, study.report);
    return {.there = true, .foreign = !simdjson::validate_utf8(text->data(), text->size())};
  } catch (const Error& error) {
    return {true, error.what()};
  }
}

void count_sections(const Study& study, FunnelStage& stage) {
  const Report& report = study.report;
  if (report.text.empty()) {
    stage.drop("says nothing: study kept with an empty report", "study " + study.study_id);
  } else if (report.findings.empty() && report.impression.empty()) {
    stage.drop("neither: its last paragraph is taken", "study " + study.study_id);
  } else {
    stage.pass();
  }
}

}  // namespace

void read_mimic_reports(std::vector<Study>& studies, const PrepareOptions& options,
                        Funnel& funnel) {
  const ReportText text_of = open_reports(options);
  const Lexicon lexicon = Lexicon::english();
  std::vector<Reading> readings(studies.size());
  parallel_for(static_cast<std::int64_t>(studies.size()), options.threads, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    readings[at] = read_report(text_of, lexicon, studies[at]);
  });
  const bool any = std::any_of(readings.begin(), readings.end(),
                               [](const Reading& reading) { return reading.there; });
  if (!any && !options.reports.empty())
    throw Error(ErrorKind::kUsage, options.reports.string() + ": none of the " +
                                       std::to_string(studies.size()) +
                                       " reports is in it, for example files/" +
                                       (studies.empty() ? "" : report_path(studies.front())));
  FunnelStage& read = funnel.stage("reports read", "studies");
  FunnelStage& sections = funnel.stage("findings or impression there", "reports");
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const std::string example = "study " + studies[i].study_id;
    if (readings[i].foreign) read.note(kForeignLetters, example);
    if (!readings[i].problem.empty()) {
      read.reject("broken report: study kept without", example + ": " + readings[i].problem);
    } else if (readings[i].there) {
      read.pass();
      count_sections(studies[i], sections);
    } else if (any) {
      read.reject("missing report: study kept without",
                  example + ": files/" + report_path(studies[i]));
    } else {
      read.drop("no reports in the root (--reports)", example);
    }
  }
}

}  // namespace biplane
