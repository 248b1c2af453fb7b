#include "biplane/corpus/corpora/dicom_reports.h"

#include <algorithm>
#include <optional>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

using Column = std::optional<std::size_t>;

// Names of columns, as letters and digits of lower case.
const std::vector<std::string> kStudyNames = {"studyinstanceuid", "studyuid", "studyinstuid"};
const std::vector<std::string> kAccessionNames = {
    "accessionnumber", "accession",      "accessionno",       "accessionnr",
    "accno",           "auftragsnummer", "anforderungsnummer"};
const std::vector<std::string> kReportNames = {"report",     "reporttext", "radiologyreport",
                                               "narrative",  "text",       "befund",
                                               "befundtext", "bericht",    "compterendu"};
const std::vector<std::string> kFindingsNames = {"findings"};
const std::vector<std::string> kImpressionNames = {"impression"};

std::string plain(const std::string& name) {
  std::string letters;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') letters += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) letters += c;
  }
  return letters;
}

// The first of the names that a column has.
Column find_named(const CsvReader& csv, const std::vector<std::string>& names) {
  const std::vector<std::string>& header = csv.header();
  for (const std::string& name : names)
    for (std::size_t i = 0; i < header.size(); ++i)
      if (plain(header[i]) == name) return i;
  return std::nullopt;
}

struct Columns {
  Column study, accession, report, findings, impression;
};

Columns find_columns(const CsvReader& csv, const ColumnNames& given) {
  const auto find = [&](const std::string& name, const std::vector<std::string>& usual) {
    return name.empty() ? find_named(csv, usual) : Column(given_column(csv, name));
  };
  Columns columns;
  columns.study = find(given.study, kStudyNames);
  columns.accession = find(given.accession, kAccessionNames);
  columns.report = find(given.report, kReportNames);
  columns.findings = find_named(csv, kFindingsNames);
  columns.impression = find_named(csv, kImpressionNames);
  std::string there;
  for (const std::string& name : csv.header()) there += (there.empty() ? "" : ", ") + name;
  if (!columns.study && !columns.accession)
    throw Error(ErrorKind::kBadContent, csv.name() +
                                            ": no column of StudyInstanceUID or AccessionNumber "
                                            "(name it with --study or --accession); it has " +
                                            there);
  if (!columns.report && !columns.findings && !columns.impression)
    throw Error(ErrorKind::kBadContent,
                csv.name() + ": no column of reports (name it with --report); it has " + there);
  return columns;
}

// Fields between commas, semicolons or tabs, whichever the header has.
CsvReader open_table(const fs::path& path) {
  for (const char delimiter : {',', ';', '\t'}) {
    CsvOptions options;
    options.delimiter = delimiter;
    CsvReader csv(path, options);
    if (csv.header().size() > 1) return csv;
  }
  return CsvReader(path);
}

std::string text_of(const CsvRow& row, const Columns& columns) {
  const std::string report = field(row, columns.report);
  if (!report.empty()) return report;
  const std::string findings = field(row, columns.findings),
                    impression = field(row, columns.impression);
  return (findings.empty() ? "" : "FINDINGS: " + findings + "\n") +
         (impression.empty() ? "" : "IMPRESSION: " + impression);
}

std::vector<Study*> studies_of(const ReportKeys& keys, const std::string& study,
                               const std::string& accession) {
  if (const auto named = keys.by_study.find(study); named != keys.by_study.end())
    return {named->second};
  const auto numbered = keys.by_accession.find(accession);
  return accession.empty() || numbered == keys.by_accession.end() ? std::vector<Study*>()
                                                                  : numbered->second;
}

}  // namespace

void join_reports(const PrepareOptions& options, const ReportKeys& keys, FunnelStage& stage) {
  CsvReader csv = open_table(options.reports);
  const Columns columns = find_columns(csv, options.columns);
  const std::string table = options.reports.filename().string();
  each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
    const std::string study = field(row, columns.study), accession = field(row, columns.accession);
    if (study.empty() && accession.empty()) return stage.reject("row without a key", place);
    const std::string text = text_of(row, columns);
    if (text.empty()) return stage.drop("row without a report", place);
    const std::vector<Study*> targets = studies_of(keys, study, accession);
    if (targets.empty()) return stage.drop("report of a study that is not there", place);
    bool used = false, same = true;
    for (Study* target : targets) {
      same = same && target->report.text == text;
      if (!target->report.text.empty()) continue;
      target->report.text = text;
      target->source_file = table;
      target->source_row = row.number;
      used = true;
    }
    if (used) return stage.pass();
    stage.drop(same ? "repeated row" : "further report of a study: not used", place);
  });
}

}  // namespace biplane
