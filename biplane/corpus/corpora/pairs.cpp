#include "biplane/corpus/corpora/pairs.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <unordered_map>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/image_check.h"
#include "biplane/formats/csv.h"
#include "biplane/text/lexicon.h"
#include "biplane/text/report.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// ---- columns

struct ColumnIndex {
  std::optional<std::size_t> frontal, lateral, report, study, patient, labels, frontal_view;
};

// The method's own pair list names its columns differently.
PairsColumns default_columns(const CsvReader& csv) {
  if (!csv.find_column("frontal") && csv.find_column("Path_frontal")) {
    return {"Path_frontal", "Path_lateral", "Report", "study_id", "patient_id", "labels"};
  }
  return {"frontal", "lateral", "report", "study_id", "patient_id", "labels"};
}

std::optional<std::size_t> find_column(const CsvReader& csv, const std::string& given,
                                       const std::string& fallback, bool required) {
  if (given.empty() && !required) return csv.find_column(fallback);
  try {
    return csv.column(given.empty() ? fallback : given);
  } catch (const Error& error) {
    if (given.empty()) throw;
    throw Error(ErrorKind::kUsage, error.what());  // the user's option is wrong, not the file
  }
}

ColumnIndex find_columns(const CsvReader& csv, const PairsColumns& given) {
  const PairsColumns fallback = default_columns(csv);
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

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string field(const CsvRow& row, const std::optional<std::size_t>& column) {
  return column ? trimmed(row.fields[*column]) : std::string();
}

ViewPosition frontal_position(const std::string& description) {
  static const std::regex word("(^|[^A-Za-z])[Aa][Pp]($|[^A-Za-z])");
  return std::regex_search(description, word) ? ViewPosition::kAP : ViewPosition::kPA;
}

void read_labels(const std::string& text, std::map<std::string, int>& labels) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of(";,|", begin), text.size());
    const std::string label = trimmed(text.substr(begin, end - begin));
    if (!label.empty()) labels[label] = 1;
    begin = end + 1;
  }
}

struct Names {
  std::string study, patient;
};

// Names of a row's study and patient; blank cells and absent columns fall back as pairs.h says.
Names row_names(const CsvRow& row, const ColumnIndex& columns, const std::string& first_image) {
  static const std::regex mimic("(^|/)(p[0-9]{8})/(s[0-9]{8})(/|$)");
  Names names{field(row, columns.study), field(row, columns.patient)};
  std::smatch match;
  if ((names.study.empty() || names.patient.empty()) &&
      std::regex_search(first_image, match, mimic)) {
    if (names.study.empty()) names.study = match[3];
    if (names.patient.empty()) names.patient = match[2];
  }
  if (names.study.empty()) names.study = first_image;
  if (names.patient.empty()) names.patient = names.study;
  return names;
}

// ---- rows to studies

// A study being put together; the paths of its views are still those of the CSV.
struct Draft {
  Study study;
  std::string report;  // as in the CSV
};

class Grouping {
 public:
  Grouping(const fs::path& csv, FunnelStage& stage) : csv_(csv), stage_(stage) {}

  void add(const CsvRow& row, const ColumnIndex& columns) {
    const std::string where = csv_.filename().string() + " row " + std::to_string(row.number);
    if (!row.problem.empty()) return stage_.reject("unreadable row", where + ": " + row.problem);
    const std::string frontal = field(row, columns.frontal), lateral = field(row, columns.lateral);
    if (frontal.empty() && lateral.empty()) return stage_.drop("row without an image", where);
    const Names names = row_names(row, columns, frontal.empty() ? lateral : frontal);
    const auto [found, fresh] = places_.emplace(names.study, drafts_.size());
    if (fresh) {
      drafts_.emplace_back();
      start(drafts_.back(), names, row.number);
      stage_.pass();
    }
    Draft& draft = drafts_[found->second];
    const std::string example = where + ": study " + names.study;
    if (names.patient != draft.study.patient_id) {
      return stage_.reject("names another patient than its study",
                           example + ", patient " + names.patient);
    }
    const bool new_frontal =
        add_view(draft, frontal, frontal_position(field(row, columns.frontal_view)));
    const bool new_lateral = add_view(draft, lateral, ViewPosition::kLateral);
    read_labels(field(row, columns.labels), draft.study.labels);
    const std::string report = field(row, columns.report);
    const bool other_report = !report.empty() && !draft.report.empty() && report != draft.report;
    if (draft.report.empty()) draft.report = report;
    if (fresh) return;
    if (other_report) {
      stage_.drop("merged: its other report is not used", example);
    } else {
      stage_.drop(new_frontal || new_lateral ? "merged: further image of a study" : "repeated row",
                  example);
    }
  }

  std::vector<Draft> take() { return std::move(drafts_); }

 private:
  void start(Draft& draft, const Names& names, std::int64_t row) {
    draft.study.study_id = names.study;
    draft.study.patient_id = names.patient;
    draft.study.source_file = csv_.filename().string();
    draft.study.source_row = row;
  }

  static bool add_view(Draft& draft, const std::string& path, ViewPosition position) {
    std::vector<View>& views = draft.study.views;
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
  FunnelStage& stage_;
  std::vector<Draft> drafts_;
  std::unordered_map<std::string, std::size_t> places_;
};

std::vector<Draft> read_rows(const fs::path& path, const PairsColumns& given, FunnelStage& stage) {
  CsvReader csv(path);
  const ColumnIndex columns = find_columns(csv, given);
  Grouping grouping(path, stage);
  for (CsvRow row; csv.next(row);) grouping.add(row, columns);
  if (stage.in() == 0) throw Error(ErrorKind::kBadContent, path.string() + ": a header but no row");
  return grouping.take();
}

// ---- images

void check_images(std::vector<Draft>& drafts, const PairsOptions& options, FunnelStage& stage) {
  std::vector<std::pair<Study*, View*>> jobs;
  for (Draft& draft : drafts) {
    for (View& view : draft.study.views) jobs.emplace_back(&draft.study, &view);
  }
  std::vector<ImageCheck> checks(jobs.size());
  parallel_for(static_cast<std::int64_t>(jobs.size()), options.threads, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    checks[at] = check_image(options.root / jobs[at].second->path, options.hash_images);
    if (options.progress != nullptr) options.progress->advance();
  });
  std::size_t missing = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    View& view = *jobs[i].second;
    const std::string example = "study " + jobs[i].first->study_id + ": " + checks[i].problem;
    view.rows = checks[i].rows;
    view.cols = checks[i].cols;
    view.sha256 = checks[i].sha256;
    if (checks[i].problem.empty()) {
      stage.pass();
    } else {
      stage.reject(checks[i].missing ? "missing image" : "broken image", example);
      missing += checks[i].missing ? 1 : 0;
      view.path.clear();
    }
  }
  if (!jobs.empty() && missing == jobs.size()) {
    throw Error(ErrorKind::kUsage,
                options.root.string() + ": none of the " + std::to_string(missing) +
                    " images that the CSV names is in this folder, for example " +
                    stage.reasons().front().examples.front() +
                    "; give the folder they are relative to as --root");
  }
  for (Draft& draft : drafts)
    std::erase_if(draft.study.views, [](const View& view) { return view.path.empty(); });
}

// ---- reports

void fill_report(Draft& draft, const Lexicon& lexicon) {
  const ReportSections sections = parse_sections(draft.report, lexicon);
  Report& report = draft.study.report;
  report.findings = clean_report(sections.findings);
  report.impression = clean_report(sections.impression);
  for (const std::string& text : {sections.indication, sections.comparison}) {
    const std::string cleaned = clean_report(text);
    if (!cleaned.empty()) report.other += (report.other.empty() ? "" : " ") + cleaned;
  }
  report.text = training_text(sections, lexicon);
}

fs::path locate_csv(const PairsOptions& options) {
  if (!fs::is_directory(options.root)) {
    throw Error(ErrorKind::kMissingInput, options.root.string() + ": no such folder (--root)");
  }
  const fs::path csv = options.csv.empty() ? options.root / "studies.csv" : options.csv;
  if (!fs::exists(csv)) {
    throw Error(ErrorKind::kMissingInput,
                csv.string() +
                    ": no such file; expected is a CSV with columns frontal, lateral, report, "
                    "study_id, patient_id, labels (give another file with --csv, other names "
                    "with --frontal, --report, ...) and images relative to --root");
  }
  return csv;
}

}  // namespace

PairsResult prepare_pairs(const PairsOptions& options) {
  check_fractions(options.fractions);
  const fs::path csv = locate_csv(options);
  const Lexicon lexicon = Lexicon::english();
  PairsResult result;
  FunnelStage& rows = result.funnel.stage("rows grouped into studies", "rows");
  std::vector<Draft> drafts = read_rows(csv, options.columns, rows);
  check_images(drafts, options, result.funnel.stage("images read", "images"));
  FunnelStage& studies = result.funnel.stage("studies complete", "studies");
  const fs::path prefix = options.out.empty() ? fs::path()
                                              : fs::relative(fs::weakly_canonical(options.root),
                                                             fs::weakly_canonical(options.out));
  for (Draft& draft : drafts) {
    const std::string example = draft.study.source_file + " row " +
                                std::to_string(draft.study.source_row) + ": study " +
                                draft.study.study_id;
    fill_report(draft, lexicon);
    if (draft.study.views.empty()) {
      studies.drop("no image left", example);
    } else if (draft.study.report.text.empty()) {
      studies.drop("empty report", example);
    } else {
      studies.pass();
      draft.study.split = split_of_patient(draft.study.patient_id, options.fractions, options.seed);
      for (View& view : draft.study.views)
        view.path = (prefix / view.path).lexically_normal().string();
      result.studies.push_back(std::move(draft.study));
    }
  }
  return result;
}

}  // namespace biplane
