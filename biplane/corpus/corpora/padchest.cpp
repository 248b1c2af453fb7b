// PadChest: a row an image, reports in Spanish, labels in English.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/python_list.h"
#include "biplane/corpus/corpora/report_text.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTable = "PADCHEST*.csv";
constexpr const char* kPackedTable = "PADCHEST*.csv.gz";
constexpr const char* kNormal = "normal";

struct Columns {
  std::size_t image, folder, study, patient, study_date, birth, sex, projection, report, method,
      labels;

  explicit Columns(const CsvReader& csv)
      : image(csv.column("ImageID")),
        folder(csv.column("ImageDir")),
        study(csv.column("StudyID")),
        patient(csv.column("PatientID")),
        study_date(csv.column("StudyDate_DICOM")),
        birth(csv.column("PatientBirth")),
        sex(csv.column("PatientSex_DICOM")),
        projection(csv.column("Projection")),
        report(csv.column("Report")),
        method(csv.column("MethodLabel")),
        labels(csv.column("Labels")) {}
};

// pandas writes what is not there as nothing, "nan" or "None".
std::string value_of(const CsvRow& row, std::size_t column) {
  std::string text = field(row, column);
  return text == "nan" || text == "None" ? "" : text;
}

std::optional<ViewPosition> view_of(const std::string& projection) {
  if (projection == "PA") return ViewPosition::kPA;
  if (projection == "AP" || projection == "AP_horizontal") return ViewPosition::kAP;
  if (projection == "L") return ViewPosition::kLateral;
  if (projection == "COSTAL" || projection.empty()) return ViewPosition::kUnknown;
  return std::nullopt;
}

// Years at the study from "1943", "1943.0" or "19430117" and the same of the study; whole ones
// where a day is missing. Nothing for what is no date.
std::optional<double> age_at(const std::string& birth, const std::string& study) {
  struct Date {
    double year = 0, day_of_year = 0;  // the latter 101 to 1231, or 0
  };
  const auto date = [](const std::string& text) -> std::optional<Date> {
    const std::optional<double> number = parse_number(text);
    if (!number || *number != std::floor(*number)) return std::nullopt;
    if (*number >= 1800 && *number < 2200) return Date{*number, 0};
    if (*number < 18000101 || *number > 21991231) return std::nullopt;
    return Date{std::floor(*number / 10000), std::fmod(*number, 10000)};
  };
  const std::optional<Date> from = date(birth), to = date(study);
  if (!from || !to) return std::nullopt;
  const bool before_birthday =
      from->day_of_year > 0 && to->day_of_year > 0 && to->day_of_year < from->day_of_year;
  return to->year - from->year - (before_birthday ? 1 : 0);
}

// A row that is used.
struct Entry {
  std::string image, study, patient, method, example;
  ViewPosition view = ViewPosition::kUnknown;
  std::vector<std::string> labels;
};

bool has(const std::vector<std::string>& labels, const char* label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        stage_(funnel.stage("rows grouped into studies", "rows")),
        images_(options.root),
        known_(known_labels("padchest")),
        lexicon_(Lexicon::english()) {}

  std::vector<Study> read() {
    const fs::path table = only_table();
    CsvReader csv(table);
    const Columns columns(csv);
    each_row(csv, stage_, [&](const CsvRow& row, const std::string& place) {
      add_row(row, columns, place, table);
    });
    images_.count_unused(funnel_.stage("image files", "files"));
    return studies_.take();
  }

 private:
  fs::path only_table() const {
    std::vector<fs::path> tables = files_like(options_.root, kTable);
    if (tables.empty()) tables = files_like(options_.root, kPackedTable);
    if (tables.size() == 1) return tables.front();
    throw Error(ErrorKind::kUsage, options_.root.string() + ": which table? " +
                                       tables.at(0).filename().string() + " and " +
                                       tables.at(1).filename().string() + " are both there");
  }

  // What a row says; nothing where it is not used, and then it was counted.
  std::optional<Entry> read_entry(const CsvRow& row, const Columns& columns,
                                  const std::string& place) {
    Entry entry;
    entry.image = value_of(row, columns.image);
    entry.study = value_of(row, columns.study);
    entry.patient = value_of(row, columns.patient);
    entry.method = value_of(row, columns.method);
    entry.example = place + ": " + entry.image;
    const auto reject = [&](const char* why, const std::string& value = "") {
      stage_.reject(why, entry.example + (value.empty() ? "" : ", '" + value + "'"));
      return std::nullopt;
    };
    if (entry.image.empty()) return reject("row without an image");
    if (entry.study.empty()) return reject("row without a study");
    if (entry.patient.empty()) return reject("row without a patient");
    const std::string projection = value_of(row, columns.projection);
    const auto position = view_of(projection);
    if (!position) return reject("unknown projection", projection);
    entry.view = *position;
    if (!entry.method.empty() && entry.method != "Physician" && entry.method != "RNN")
      return reject("unknown MethodLabel", entry.method);
    const std::string list = value_of(row, columns.labels);
    const auto labels = list.empty() ? std::vector<std::string>() : parse_python_list(list);
    if (!labels) return reject("labels that are no Python list", list);
    for (const std::string& label : *labels)
      if (!trimmed(label).empty()) entry.labels.push_back(trimmed(label));
    return entry;
  }

  void add_row(const CsvRow& row, const Columns& columns, const std::string& place,
               const fs::path& table) {
    const std::optional<Entry> entry = read_entry(row, columns, place);
    if (!entry) return;
    const std::string& example = entry->example;
    if (!options_.method_label.empty() && entry->method != options_.method_label)
      return stage_.drop("not labelled by " + options_.method_label, example);
    if (has(entry->labels, "exclude")) return stage_.drop("labelled 'exclude'", example);
    const auto [owner, first] = owners_.emplace(entry->image, entry->study);
    if (!first && owner->second == entry->study) return stage_.drop("repeated row", example);
    if (!first) return stage_.reject("image of another study", example);
    const auto [study, fresh] = studies_.add(entry->study, entry->patient, table, row.number);
    if (study->patient_id != entry->patient)
      return stage_.reject("names another patient than its study", example);
    View view;
    view.path = images_.find(entry->image, fs::path(value_of(row, columns.folder)) / entry->image);
    view.view = entry->view;
    study->views.push_back(view);
    if (!fresh) return stage_.drop("merged: further image of a study", example);
    stage_.pass();
    study->split = place_in_split(entry->patient, Split::kTrain, false, options_);
    study->sex = parse_sex(value_of(row, columns.sex));
    study->label_source = entry->method;
    read_age(value_of(row, columns.birth), value_of(row, columns.study_date), example, *study);
    add_labels(entry->labels, example, *study);
    add_report(value_of(row, columns.report), *study);
  }

  void read_age(const std::string& birth, const std::string& date, const std::string& example,
                Study& study) {
    if (birth.empty()) return;
    FunnelStage& stage = funnel_.stage("ages believed", "ages");
    const std::string dates = example + ", born " + birth + ", seen " + date;
    const std::optional<double> age = age_at(birth, date);
    if (!age) return stage.reject("date that is none", dates);
    if (*age < 0 || *age > kOldest) return stage.drop("impossible age: left out", dates);
    study.age = age;
    stage.pass();
  }

  // What is not listed is absent, unless the list says that it does not say.
  void add_labels(const std::vector<std::string>& names, const std::string& example, Study& study) {
    FunnelStage& stage = funnel_.stage("labels read", "studies");
    bool findings = false;
    for (const std::string& name : names) {
      study.labels[name] = 1;
      findings = findings || (name != kNormal && name != "unchanged" && name != "suboptimal study");
    }
    if (names.empty()) return stage.drop("no labels: all unknown", example);
    if (has(names, kNormal) && findings) {
      study.labels[kNormal] = 0;
      stage.drop("normal beside a finding: taken as not normal", example);
    } else if (has(names, "unchanged") || has(names, "suboptimal study")) {
      return stage.drop("'unchanged' or 'suboptimal study': what is not listed stays unknown",
                        example);
    } else {
      stage.pass();
    }
    for (const std::string& label : known_) study.labels.emplace(label, 0);
  }

  // Spanish, in one piece. The lexicon is English: it has no say in what is left out.
  void add_report(const std::string& text, Study& study) const {
    ReportSections sections;
    sections.findings = text;
    study.report.language = "es";
    fill_report(sections, lexicon_, study.report, {.remove_view_sentences = false});
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  FunnelStage& stage_;
  ImageIndex images_;
  std::vector<std::string> known_;
  Lexicon lexicon_;
  StudyTable studies_;
  std::unordered_map<std::string, std::string> owners_;  // image -> study
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

Corpus padchest_corpus() {
  return {.name = "padchest",
          .summary = "PadChest: laterals, Spanish reports, labels by physicians or a network",
          .tree =
              "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv (or .csv.gz)\n"
              "0/IMAGE.png ... 54/IMAGE.png, unpacked, or in any other folders\n",
          .needs = {{kTable, kPackedTable}},
          .takes = {"--method-label"},
          .read = &read,
          .complete = [](Study& study) { return why_no_report(study); }};
}

}  // namespace biplane
