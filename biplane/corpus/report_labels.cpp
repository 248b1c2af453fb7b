#include "biplane/corpus/report_labels.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/manifest.h"
#include "biplane/formats/csv.h"
#include "biplane/text/language.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// Rows labelled at a time: enough for every thread, little memory.
constexpr std::size_t kChunk = 2048;

// What happens to each report, in the order of the file.
class Tally {
 public:
  Tally(const ReportLabelOptions& options, FunnelStage& stage) : options_(options), stage_(stage) {}

  void add(const std::string& id, bool empty, const LabelValues& labels, const std::string& where) {
    if (empty) {
      stage_.drop("no report", where);
    } else {
      stage_.pass();
    }
    if (options_.progress != nullptr) options_.progress->advance();
    if (options_.reference == nullptr) return;
    const LabelValues* wanted = options_.reference->find(id);
    if (wanted != nullptr) options_.agreement->add(labels, *wanted);
  }

  void check() const {
    const std::string name = options_.in.string();
    if (stage_.in() == 0) throw Error(ErrorKind::kBadContent, name + ": a header but no row");
    if (options_.reference != nullptr && options_.agreement->reports() == 0)
      throw Error(ErrorKind::kBadContent, name +
                                              ": the reference names none of its rows; --id "
                                              "names the column that both have");
  }

 private:
  const ReportLabelOptions& options_;
  FunnelStage& stage_;
};

std::size_t named_column(const CsvReader& csv, const std::string& name) {
  try {
    return csv.column(name);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, error.what());  // the option is wrong, not the file
  }
}

std::string cell(const LabelValues& labels, const std::string& label) {
  const auto found = labels.find(label);
  return found == labels.end() ? std::string() : std::to_string(found->second);
}

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

class CsvLabels {
 public:
  CsvLabels(const Labeler& labeler, const ReportLabelOptions& options, FunnelStage& stage)
      : labeler_(labeler),
        options_(options),
        stage_(stage),
        tally_(options, stage),
        csv_(options.in),
        report_(named_column(csv_, options.report_column)) {
    for (const std::string& name : options.id_columns) ids_.push_back(named_column(csv_, name));
    if (ids_.empty() && report_ != 0) ids_.push_back(0);
  }

  // `out` may be absent.
  void run(std::ostream* out) {
    if (out != nullptr) *out << header() << '\n';
    while (read_chunk()) {
      std::vector<LabelValues> labels(rows_.size());
      parallel_for(static_cast<std::int64_t>(rows_.size()), options_.threads, [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        labels[at] = labeler_.label(rows_[at].fields[report_]);
      });
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        tally_.add(ids_.empty() ? "" : rows_[i].fields[ids_.front()],
                   is_blank(rows_[i].fields[report_]), labels[i],
                   "row " + std::to_string(rows_[i].number));
        if (out != nullptr) *out << line(rows_[i], labels[i]) << '\n';
      }
    }
    tally_.check();
  }

 private:
  bool read_chunk() {
    rows_.clear();
    for (CsvRow row; rows_.size() < kChunk && csv_.next(row);) {
      if (row.problem.empty()) {
        rows_.push_back(std::move(row));
      } else {
        stage_.reject("unreadable row", options_.in.filename().string() + " row " +
                                            std::to_string(row.number) + ": " + row.problem);
      }
    }
    return !rows_.empty();
  }

  std::string header() const {
    std::vector<std::string> fields;
    for (const std::size_t id : ids_) fields.push_back(csv_.header()[id]);
    fields.insert(fields.end(), labeler_.labels().begin(), labeler_.labels().end());
    return csv_line(fields);
  }

  std::string line(const CsvRow& row, const LabelValues& labels) const {
    std::vector<std::string> fields;
    for (const std::size_t id : ids_) fields.push_back(row.fields[id]);
    for (const std::string& label : labeler_.labels()) fields.push_back(cell(labels, label));
    return csv_line(fields);
  }

  const Labeler& labeler_;
  const ReportLabelOptions& options_;
  FunnelStage& stage_;
  Tally tally_;
  CsvReader csv_;
  std::size_t report_;
  std::vector<std::size_t> ids_;
  std::vector<CsvRow> rows_;
};

// Rules of another language would find nothing, and leave blanks where labels were.
void check_language(const Labeler& labeler, const Manifest& manifest, const fs::path& path) {
  for (const StudySummary& study : manifest.summaries())
    if (!same_language(study.language, labeler.language()))
      throw Error(ErrorKind::kUsage, path.string() + ": the report of study " + study.study_id +
                                         " is in '" + study.language + "', but the label file " +
                                         labeler.name() + " reads '" + labeler.language() +
                                         "'; give one of that language");
}

}  // namespace

std::string labelled_text(const Study& study) {
  const Report& report = study.report;
  if (report.findings.empty() && report.impression.empty()) return report.text;
  if (report.impression.empty()) return report.findings;
  if (report.findings.empty()) return report.impression;
  return "FINDINGS:\n" + report.findings + "\nIMPRESSION:\n" + report.impression;
}

void label_study(const Labeler& labeler, Study& study) {
  LabelValues& into = labeler.into_chexpert() ? study.labels_chexpert : study.labels;
  for (const std::string& label : labeler.labels()) into.erase(label);
  into.merge(labeler.label(labelled_text(study)));
}

Funnel label_csv(const Labeler& labeler, const ReportLabelOptions& options) {
  Funnel funnel;
  CsvLabels labels(labeler, options, funnel.stage("reports labelled"));
  if (options.out.empty()) {
    labels.run(nullptr);
    funnel.check_bad(options.max_bad);
    return funnel;
  }
  write_file_atomically(options.out, [&](std::ostream& out) {
    labels.run(&out);
    funnel.check_bad(options.max_bad);  // throws: nothing is written
  });
  return funnel;
}

Funnel label_manifest(const Labeler& labeler, const ReportLabelOptions& options) {
  Funnel funnel;
  FunnelStage& stage = funnel.stage("reports labelled", "studies");
  Tally tally(options, stage);
  const Manifest manifest = Manifest::read(options.in);
  check_language(labeler, manifest, options.in);
  std::optional<ManifestWriter> writer;
  if (!options.out.empty()) writer.emplace(options.out);
  constexpr auto kPiece = static_cast<std::int64_t>(kChunk);
  for (std::int64_t first = 0; first < manifest.size(); first += kPiece) {
    std::vector<Study> studies(static_cast<std::size_t>(std::min(kPiece, manifest.size() - first)));
    parallel_for(static_cast<std::int64_t>(studies.size()), options.threads, [&](std::int64_t i) {
      Study& study = studies[static_cast<std::size_t>(i)];
      study = manifest.study(first + i);
      label_study(labeler, study);
    });
    for (const Study& study : studies) {
      const LabelValues& labels = labeler.into_chexpert() ? study.labels_chexpert : study.labels;
      tally.add(study.study_id, is_blank(labelled_text(study)), labels, "study " + study.study_id);
      if (writer) writer->write(study);
    }
  }
  tally.check();
  if (writer) writer->finish();
  return funnel;
}

}  // namespace biplane
