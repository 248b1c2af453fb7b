// A table with a frontal image and, perhaps, a lateral and a report in a row (docs/data.md,
// "pairs"). Rows of one study id are one study, and its distinct images become its views. An image
// of the frontal column is PA unless the column `<frontal>_view` ("frontal_view") holds the word
// AP. Labels are split at ';', ',' and '|' and mean 1 (present). Studies whose image paths hold
// MIMIC's folders (p10000032/s50414267) take patient and study from there when no column names
// them; else the study is named by its frontal's path.

#include <algorithm>
#include <optional>
#include <regex>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/mimic_tables.h"
#include "biplane/corpus/corpora/report_text.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"
#include "biplane/text/lexicon.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// ---- columns

struct ColumnIndex {
  std::optional<std::size_t> frontal, lateral, report, study, patient, labels, frontal_view;
};

// The method's own pair list names its columns differently.
ColumnNames default_columns(const CsvReader& csv) {
  if (!csv.find_column("frontal") && csv.find_column("Path_frontal")) {
    return {"Path_frontal", "Path_lateral", "Report", "study_id", "patient_id", "labels", ""};
  }
  return {"frontal", "lateral", "report", "study_id", "patient_id", "labels", ""};
}

std::optional<std::size_t> find_column(const CsvReader& csv, const std::string& given,
                                       const std::string& fallback, bool required) {
  if (!given.empty()) return given_column(csv, given);
  return required ? csv.column(fallback) : csv.find_column(fallback);
}

ColumnIndex find_columns(const CsvReader& csv, const ColumnNames& given) {
  const ColumnNames fallback = default_columns(csv);
  ColumnIndex index;
  index.frontal = find_column(csv, given.frontal, fallback.frontal, true);
  index.lateral = find_column(csv, given.lateral, fallback.lateral, false);
  index.report = find_column(csv, given.report, fallback.report, true);
  index.study = find_column(csv, given.study, fallback.study, false);
  index.patient = find_column(csv, given.patient, fallback.patient, false);
  index.labels = find_column(csv, given.labels, fallback.labels, false);
  index.frontal_view =
      csv.find_column((given.frontal.empty() ? fallback.frontal : given.frontal) + "_view");
  return index;
}

// ---- fields

ViewPosition frontal_position(const std::string& description) {
  static const std::regex word("(^|[^A-Za-z])[Aa][Pp]($|[^A-Za-z])");
  return std::regex_search(description, word) ? ViewPosition::kAP : ViewPosition::kPA;
}

void read_labels(const std::string& text, std::map<std::string, int>& labels) {
  for (const std::string& label : parts(text, ";,|")) labels[label] = 1;
}

// Names of a row's study and patient; blank cells and absent columns fall back.
StudyNames row_names(const CsvRow& row, const ColumnIndex& columns,
                     const std::string& first_image) {
  StudyNames names{field(row, columns.study), field(row, columns.patient)};
  if (names.study.empty() || names.patient.empty()) {
    const StudyNames named = mimic_names(first_image).value_or(StudyNames{});
    if (names.study.empty()) names.study = named.study;
    if (names.patient.empty()) names.patient = named.patient;
  }
  if (names.study.empty()) names.study = first_image;
  if (names.patient.empty()) names.patient = names.study;
  return names;
}

// ---- rows to studies; Report::text is the report as in the CSV until complete() takes it apart

class Grouping {
 public:
  Grouping(const fs::path& csv, const PrepareOptions& options, FunnelStage& stage)
      : csv_(csv), options_(options), stage_(stage) {}

  void add(const CsvRow& row, const ColumnIndex& columns, const std::string& place) {
    const std::string frontal = field(row, columns.frontal), lateral = field(row, columns.lateral);
    if (frontal.empty() && lateral.empty()) return stage_.drop("row without an image", place);
    const StudyNames names = row_names(row, columns, frontal.empty() ? lateral : frontal);
    const auto [study, fresh] = studies_.add(names.study, names.patient, csv_, row.number);
    if (fresh) {
      study->split = place_in_split(names.patient, Split::kTrain, false, options_);
      stage_.pass();
    }
    const std::string example = place + ": study " + names.study;
    if (names.patient != study->patient_id) {
      return stage_.reject("names another patient than its study",
                           example + ", patient " + names.patient);
    }
    const bool new_frontal =
        add_view(*study, frontal, frontal_position(field(row, columns.frontal_view)));
    const bool new_lateral = add_view(*study, lateral, ViewPosition::kLateral);
    read_labels(field(row, columns.labels), study->labels);
    const std::string report = field(row, columns.report);
    std::string& own = study->report.text;
    const bool other_report = !report.empty() && !own.empty() && report != own;
    if (own.empty()) own = report;
    if (fresh) return;
    if (other_report) {
      stage_.drop("merged: its other report is not used", example);
    } else {
      stage_.drop(new_frontal || new_lateral ? "merged: further image of a study" : "repeated row",
                  example);
    }
  }

  std::vector<Study> take() { return studies_.take(); }

 private:
  static bool add_view(Study& study, const std::string& path, ViewPosition position) {
    std::vector<View>& views = study.views;
    if (path.empty()) return false;
    if (std::any_of(views.begin(), views.end(),
                    [&path](const View& view) { return view.path == path; }))
      return false;
    View view;
    view.path = path;
    view.view = position;
    views.push_back(std::move(view));
    return true;
  }

  fs::path csv_;
  const PrepareOptions& options_;
  FunnelStage& stage_;
  StudyTable studies_;
};

// ---- reports

std::string complete(Study& study) {
  static const Lexicon lexicon = Lexicon::english();
  fill_report(parse_sections(study.report.text, lexicon), lexicon, study.report);
  return why_no_report(study);
}

fs::path locate_csv(const PrepareOptions& options) {
  const fs::path csv = options.csv.empty() ? options.root / "studies.csv" : options.csv;
  if (fs::exists(csv)) return csv;
  throw Error(ErrorKind::kMissingInput,
              csv.string() +
                  ": no such file; expected is a CSV with columns frontal, lateral, report, "
                  "study_id, patient_id, labels (give another file with --csv, other names "
                  "with --frontal, --report, ...) and images relative to --root");
}

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  const fs::path path = locate_csv(options);
  FunnelStage& stage = funnel.stage("rows grouped into studies", "rows");
  CsvReader csv(path);
  const ColumnIndex columns = find_columns(csv, options.columns);
  Grouping grouping(path, options, stage);
  each_row(csv, stage,
           [&](const CsvRow& row, const std::string& place) { grouping.add(row, columns, place); });
  return grouping.take();
}

}  // namespace

Corpus pairs_corpus() {
  return {
      .name = "pairs",
      .summary = "a CSV with a frontal, a lateral and a report in a row",
      .tree =
          "studies.csv  frontal,lateral,report,study_id,patient_id,labels (or another file "
          "and other\n"
          "             columns: --csv, --frontal, --report, ...)\n"
          "the images that it names\n",
      .takes = {"--csv", "--frontal", "--lateral", "--report", "--study", "--patient", "--labels"},
      .read = &read,
      .complete = &complete};
}

}  // namespace biplane
