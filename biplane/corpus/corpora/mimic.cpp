// MIMIC-CXR-JPG 2.x, with the reports of MIMIC-CXR.
#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "biplane/core/error.h"
#include "biplane/corpus/chexpert.h"
#include "biplane/corpus/corpora/chexpert_labels.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/mimic_reports.h"
#include "biplane/corpus/corpora/mimic_tables.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

struct ImageColumns {
  std::size_t image, subject, study, position, rows, cols, date, time;

  explicit ImageColumns(const CsvReader& csv)
      : image(csv.column("dicom_id")),
        subject(csv.column("subject_id")),
        study(csv.column("study_id")),
        position(csv.column("ViewPosition")),
        rows(csv.column("Rows")),
        cols(csv.column("Columns")),
        date(csv.column("StudyDate")),
        time(csv.column("StudyTime")) {}
};

struct LabelColumns {
  std::size_t study = 0;
  std::optional<std::size_t> subject;
  ChexpertLabelColumns labels;

  // `all`: every label of CheXpert must be there. The table of the labelled test set has one name
  // of its own, and no column for No Finding in some copies.
  LabelColumns(const CsvReader& csv, bool all)
      : study(csv.column("study_id")), subject(csv.find_column("subject_id")), labels(csv, all) {
    if (labels.empty()) csv.column(kChexpertLabels.back());
  }
};

bool all_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

bool is_file_name(const std::string& text) {
  return text.find_first_of("/\\") == std::string::npos && !text.starts_with('.');
}

// Larger for what is later, from 21800506 and 213014.531; kNever where there is no date.
std::int64_t moment_of(const std::string& date, const std::string& time) {
  constexpr std::int64_t kDay = 1'000'000'000;
  if (date.size() != 8 || !all_digits(date)) return kNever;
  const double clock = std::clamp(parse_number(time).value_or(0), 0.0, 239999.999);
  return std::stoll(date) * kDay + static_cast<std::int64_t>(clock * 1000);
}

// Why a view is neither frontal nor lateral, in the words that the corpus has.
std::string unknown_view(const std::string& position) {
  static constexpr std::array kKnown = {"LAO",    "RAO",           "AP AXIAL", "SWIMMERS",
                                        "PA LLD", "AP LLD",        "PA RLD",   "AP RLD",
                                        "LPO",    "XTABLE LATERAL"};
  const bool known = std::find(kKnown.begin(), kKnown.end(), position) != kKnown.end();
  const std::string word = position.empty() ? "blank" : known ? position : "another word";
  return word + ": kept as UNKNOWN";
}

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel) : options_(options), funnel_(funnel) {}

  std::vector<Study> read() {
    const auto [labels, name] = find_labels();
    read_images();
    read_splits();
    if (labels) read_labels(*labels, "labels joined (" + name + ")", true);
    if (const auto test = find_mimic_table(options_.root, "test-set-labeled"))
      read_labels(*test, "labels replaced (test set)", false);
    order_studies();
    std::vector<bool> placed;
    for (Study& study : studies_.all()) {
      order_views(study);
      placed.push_back(place(study));
    }
    std::vector<Study> studies = studies_.take();
    auto stays = placed.begin();
    keep_studies(studies, [&stays](Study&) { return *stays++; });
    return studies;
  }

 private:
  // The table of labels that is wanted and there, and its name.
  std::pair<std::optional<fs::path>, std::string> find_labels() const {
    const std::string& wanted = options_.labels_from;
    if (!wanted.empty() && wanted != "chexpert" && wanted != "negbio")
      throw Error(ErrorKind::kUsage, "--labels-from: '" + wanted + "' is not chexpert or negbio");
    for (const std::string name : {"chexpert", "negbio"}) {
      if (!wanted.empty() && wanted != name) continue;
      if (const auto table = find_mimic_table(options_.root, name)) return {table, name};
    }
    if (!wanted.empty())
      throw Error(ErrorKind::kMissingInput, (options_.root / "mimic-cxr-2.0.0-").string() + wanted +
                                                ".csv[.gz]: does not exist");
    return {};
  }

  void read_images() {
    const fs::path table = *find_mimic_table(options_.root, "metadata");
    CsvReader csv(table);
    const ImageColumns columns(csv);
    FunnelStage& stage = funnel_.stage("rows grouped into studies", "images");
    funnel_.stage("view positions known", "images");
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      add_image(row, columns, place, table);
    });
  }

  void add_image(const CsvRow& row, const ImageColumns& columns, const std::string& place,
                 const fs::path& table) {
    FunnelStage& stage = funnel_.stage("rows grouped into studies", "images");
    const std::string image = field(row, columns.image), subject = field(row, columns.subject),
                      number = field(row, columns.study);
    const std::string example = place + ": " + image;
    if (image.empty()) return stage.reject("row without an image", place);
    if (!is_file_name(image)) return stage.reject("dicom_id that is no file name", example);
    if (!all_digits(subject) || !all_digits(number))
      return stage.reject("subject_id or study_id that is no number",
                          example + ", '" + subject + "', '" + number + "'");
    const std::string patient = "p" + subject, id = "s" + number;
    const auto [study, fresh] = studies_.add(id, patient, table, row.number);
    if (study->patient_id != patient)
      return stage.reject("names another patient than its study",
                          example + ", study " + id + ", patient " + patient);
    View view;
    view.path = "files/" + patient.substr(0, 3) + "/" + patient + "/" + id + "/" + image + ".jpg";
    if (std::any_of(study->views.begin(), study->views.end(),
                    [&view](const View& other) { return other.path == view.path; }))
      return stage.drop("repeated row", example);
    stage.pass();
    const std::string position = field(row, columns.position);
    view.view = mimic_view(position);
    view.rows = parse_size(field(row, columns.rows));
    view.cols = parse_size(field(row, columns.cols));
    count_position(position, view, example);
    study->views.push_back(std::move(view));
    known_[study].taken.push_back(moment_of(field(row, columns.date), field(row, columns.time)));
  }

  void count_position(const std::string& position, const View& view, const std::string& example) {
    FunnelStage& stage = funnel_.stage("view positions known", "images");
    if (view.view != ViewPosition::kUnknown) return stage.pass();
    stage.drop(unknown_view(position), example + ", ViewPosition '" + position + "'");
  }

  void read_splits() {
    const auto table = find_mimic_table(options_.root, "split");
    has_lists_ = table.has_value();
    if (!table) return;
    CsvReader csv(*table);
    const std::size_t study = csv.column("study_id"), split = csv.column("split");
    FunnelStage& stage = funnel_.stage("splits joined", "rows");
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      add_split("s" + field(row, study), field(row, split), place, stage);
    });
  }

  void add_split(const std::string& id, const std::string& name, const std::string& place,
                 FunnelStage& stage) {
    const std::string example = place + ": study " + id + ", '" + name + "'";
    Study* study = studies_.find(id);
    if (study == nullptr) return stage.drop("split of a study without images", example);
    const std::optional<Split> split = parse_split(name);
    if (!split) return stage.reject("unknown split", example);
    std::optional<Split>& listed = known_[study].listed;
    if (listed && listed != split)
      return stage.reject("study in two splits: the first one counts", example);
    listed = split;
    stage.pass();
  }

  // `all`: as LabelColumns; of the labelled test set, labels replace those that are there.
  void read_labels(const fs::path& table, const std::string& name, bool all) {
    CsvReader csv(table);
    const LabelColumns columns(csv, all);
    FunnelStage& stage = funnel_.stage(name, "rows");
    std::unordered_set<const Study*> seen;
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      const std::string id = "s" + field(row, columns.study);
      const std::string example = place + ": study " + id;
      Study* study = studies_.find(id);
      if (study == nullptr) return stage.drop("labels of a study without images", example);
      const std::string subject = field(row, columns.subject);
      if (columns.subject && "p" + subject != study->patient_id)
        return stage.reject("names another patient than its study", example + ", p" + subject);
      if (seen.contains(study)) return stage.drop("repeated row", example);
      auto labels = columns.labels.read(row);
      if (!labels) return stage.reject("label that is not 1.0, 0.0, -1.0 or blank", example);
      study->labels = std::move(*labels);
      seen.insert(study);
      stage.pass();
    });
  }

  // Place of each study among those of its patient.
  void order_studies() {
    FunnelStage& stage = funnel_.stage("studies dated", "studies");
    std::unordered_map<std::string, std::vector<std::pair<std::int64_t, Study*>>> of_patient;
    for (Study& study : studies_.all()) {
      const auto& taken = known_[&study].taken;
      const std::int64_t first =
          taken.empty() ? kNever : *std::min_element(taken.begin(), taken.end());
      if (first == kNever) {
        stage.drop("no date: without a place in time", "study " + study.study_id);
      } else {
        stage.pass();
        of_patient[study.patient_id].emplace_back(first, &study);
      }
    }
    for (auto& [patient, dated] : of_patient) {
      std::sort(dated.begin(), dated.end(), [](const auto& a, const auto& b) {
        return std::tie(a.first, a.second->study_id) < std::tie(b.first, b.second->study_id);
      });
      for (std::size_t i = 0; i < dated.size(); ++i) {
        dated[i].second->study_order = static_cast<std::int64_t>(i) + 1;
        if (i > 0) dated[i].second->prior_study_id = dated[i - 1].second->study_id;
      }
    }
  }

  // By the time they were taken, then by name.
  void order_views(Study& study) {
    const std::vector<std::int64_t>& taken = known_[&study].taken;
    std::vector<std::size_t> order(study.views.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::tie(taken[a], study.views[a].path) < std::tie(taken[b], study.views[b].path);
    });
    keep_views(study, order);
  }

  bool place(Study& study) {
    const std::optional<Split>& listed = known_[&study].listed;
    if (has_lists_) {
      FunnelStage& stage = funnel_.stage("studies in a split", "studies");
      if (!listed) {
        stage.reject("in no list", "study " + study.study_id);
        return false;
      }
      stage.pass();
    }
    study.split =
        place_in_split(study.patient_id, listed.value_or(Split::kTrain), has_lists_, options_);
    return true;
  }

  // What the tables say of a study beside its own fields.
  struct Known {
    std::vector<std::int64_t> taken;  // when, one a view
    std::optional<Split> listed;
  };

  const PrepareOptions& options_;
  Funnel& funnel_;
  StudyTable studies_;
  std::unordered_map<const Study*, Known> known_;
  bool has_lists_ = false;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  std::vector<Study> studies = Reader(options, funnel).read();
  read_mimic_reports(studies, options, funnel);
  return studies;
}

}  // namespace

Corpus mimic_corpus() {
  return {.name = "mimic",
          .summary = "MIMIC-CXR-JPG: frontals and laterals, 14 labels, reports of MIMIC-CXR",
          .tree =
              "mimic-cxr-2.0.0-metadata.csv.gz       any version, also unpacked (.csv)\n"
              "mimic-cxr-2.0.0-split.csv.gz          (may be absent: splits are drawn)\n"
              "mimic-cxr-2.0.0-chexpert.csv.gz, mimic-cxr-2.0.0-negbio.csv.gz\n"
              "                                      (may be absent; --labels-from says which)\n"
              "mimic-cxr-2.1.0-test-set-labeled.csv  (may be absent)\n"
              "files/p10/p10000032/s50414267/DICOM_ID.jpg\n"
              "mimic-cxr-reports.zip, or mimic-cxr-reports/files/p10/p10000032/s50414267.txt,\n"
              "                                      or files/p10/p10000032/s50414267.txt, or\n"
              "                                      another place (--reports)\n",
          .needs = {{"mimic-cxr-*-metadata.csv.gz", "mimic-cxr-*-metadata.csv"}},
          .takes = {"--reports", "--labels-from"},
          .read = &read,
          .may_lack_labels = true};
}

}  // namespace biplane
