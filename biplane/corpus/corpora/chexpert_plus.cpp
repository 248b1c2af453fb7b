// CheXpert Plus: the radiographs of CheXpert with their reports.
#include <algorithm>
#include <functional>
#include <unordered_map>

#include "biplane/corpus/corpora/chexpert_tables.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/report_text.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTables = {"df_chexpert_plus_240401.csv"};
constexpr int kNameParts = 3;  // patient, study, file

struct Columns {
  std::size_t image, side, position, report, split;
  std::optional<std::size_t> age, sex, findings, impression, comparison, history, earlier_history;

  explicit Columns(const CsvReader& csv)
      : image(csv.column("path_to_image")),
        side(csv.column("frontal_lateral")),
        position(csv.column("ap_pa")),
        report(csv.column("report")),
        split(csv.column("split")),
        age(csv.find_column("age")),
        sex(csv.find_column("sex")),
        findings(csv.find_column("section_findings")),
        impression(csv.find_column("section_impression")),
        comparison(csv.find_column("section_comparison")),
        history(csv.find_column("section_clinical_history")),
        earlier_history(csv.find_column("section_history")) {}
};

std::optional<Split> split_of(const std::string& text) {
  if (text == "valid") return Split::kValidate;
  return parse_split(text);
}

// Pandas writes "nan" for nothing where a table was read and written again.
std::string text_of(const CsvRow& row, const std::optional<std::size_t>& column) {
  const std::string text = field(row, column);
  return lower_case(text) == "nan" ? std::string() : text;
}

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        stage_(funnel.stage("rows grouped into studies", "rows")),
        images_(options.root, kNameParts) {}

  std::vector<Study> read() {
    const fs::path table = require_table(options_.root, kTables);
    CsvReader csv(table);
    const Columns columns(csv);
    each_row(csv, stage_, [&](const CsvRow& row, const std::string& place) {
      add_row(row, columns, place, table);
    });
    images_.count_unused(funnel_.stage("image files", "files"));
    return studies_.take();
  }

 private:
  void add_row(const CsvRow& row, const Columns& columns, const std::string& place,
               const fs::path& table) {
    const std::string file = field(row, columns.image);
    const std::string example = place + ": " + file;
    if (file.empty()) return stage_.reject("row without an image", place);
    const auto path = parse_chexpert_path(file);
    if (!path || path->image.empty())
      return stage_.reject("path without patient, study and view", example);
    const auto split = split_of(lower_case(field(row, columns.split)));
    if (!split) return stage_.reject("unknown split", example + ", " + field(row, columns.split));
    const auto view = read_chexpert_view(field(row, columns.side), field(row, columns.position),
                                         example, funnel_);
    if (!view) return stage_.reject("neither Frontal nor Lateral", example);
    const auto [study, fresh] = studies_.add(path->study, path->patient, table, row.number);
    const std::size_t report = std::hash<std::string>()(text_of(row, columns.report));
    if (fresh) {
      start(row, columns, *split, example, *study);
      report_of_[path->study] = report;
      stage_.pass();
    } else if (study->views.end() != find_view(*study, path->image)) {
      return stage_.drop("repeated row", example);
    } else {
      stage_.drop(report == report_of_.at(path->study) ? "merged: further image of a study"
                                                       : "merged: its other report is not used",
                  example);
    }
    View& added = study->views.emplace_back();
    added.path = images_.find(path->image, file);
    added.view = *view;
  }

  static std::vector<View>::const_iterator find_view(const Study& study, const std::string& image) {
    return std::find_if(study.views.begin(), study.views.end(), [&](const View& view) {
      const auto path = parse_chexpert_path(view.path);
      return path && path->image == image;
    });
  }

  void start(const CsvRow& row, const Columns& columns, Split split, const std::string& example,
             Study& study) {
    study.split = place_in_split(study.patient_id, split, false, options_);
    study.sex = parse_sex(text_of(row, columns.sex));
    const std::string age = text_of(row, columns.age);
    if (!age.empty()) read_age(age, example, funnel_.stage("ages believed", "ages"), study);
    static const Lexicon lexicon = Lexicon::english();
    ReportSections sections = parse_sections(text_of(row, columns.report), lexicon);
    const std::string findings = text_of(row, columns.findings),
                      impression = text_of(row, columns.impression);
    // The corpus's own sections, where it has found any, else those that are found here.
    if (!findings.empty() || !impression.empty()) {
      sections.findings = findings;
      sections.impression = impression;
      sections.last_paragraph.clear();
    }
    const std::string comparison = text_of(row, columns.comparison);
    if (!comparison.empty()) sections.comparison = comparison;
    for (const auto& column : {columns.earlier_history, columns.history})
      if (const std::string history = text_of(row, column); !history.empty())
        sections.indication = history;
    fill_report(sections, lexicon, study.report);
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  FunnelStage& stage_;
  ImageIndex images_;
  StudyTable studies_;
  std::unordered_map<std::string, std::size_t> report_of_;  // study -> hash of its text
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

Corpus chexpert_plus_corpus() {
  return {.name = "chexpert-plus",
          .summary = "CheXpert Plus: frontals and laterals with reports",
          .tree =
              "df_chexpert_plus_240401.csv  path_to_image,frontal_lateral,ap_pa,report,section_*,"
              "age,sex,split,...\n"
              "PNG/PNG/train/patient00001/study1/view1_frontal.png, or JPEG or DICOM in any other "
              "folders\n",
          .needs = {{"df_chexpert_plus_240401.csv"}},
          .read = &read,
          .complete = [](Study& study) { return why_no_report(study); },
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
