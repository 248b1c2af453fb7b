// OpenI (IU X-Ray): the XML of the National Library of Medicine, or the CSV pair on Kaggle.
#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/openi_files.h"
#include "biplane/corpus/corpora/report_text.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReports = "indiana_reports.csv";
constexpr const char* kProjections = "indiana_projections.csv";
const std::vector<std::string> kHeaders = {"nlmcxr_dicom_metadata.csv",
                                           "nlmcxr_dicom_metadata.csv.gz"};
constexpr const char* kXmlFolder = "ecgen-radiology";
constexpr const char* kNotCoded = "No Indexing";

// What of a heading names it: "Opacity/lung/base/left" is Opacity.
std::string name_of(const std::string& heading) {
  return trimmed(heading.substr(0, heading.find('/')));
}

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        images_(options.root),
        known_(known_labels("openi")),
        lexicon_(Lexicon::english()) {}

  std::vector<Study> read() {
    const auto table = find_table(options_.root, {kReports});
    read_views(!table);
    if (table) {
      read_reports(*table);
      read_projections(require_table(options_.root, {kProjections}));
    } else {
      read_xml_files();
    }
    images_.count_unused(funnel_.stage("image files", "files"));
    return with_images();
  }

 private:
  void read_views(bool projections_too) {
    const auto projections = find_table(options_.root, {kProjections});
    const auto headers = find_table(options_.root, kHeaders);
    FunnelStage& stage = funnel_.stage("view tables read", "rows");
    if (!options_.views.empty()) views_.read_table(options_.views, stage);
    if (projections && projections_too) views_.read_table(*projections, stage);
    if (headers) views_.read_headers(*headers, stage);
  }

  void read_xml_files() {
    FunnelStage& stage = funnel_.stage("reports read", "reports");
    const fs::path folder = options_.root / kXmlFolder;
    for (const fs::path& path :
         files_like(fs::is_directory(folder) ? folder : options_.root, "*.xml")) {
      OpeniReport report;
      try {
        report = read_openi_xml(path);
      } catch (const Error& error) {
        stage.reject("broken XML file", error.what());
        continue;
      }
      Study* study = add_report(report, path, 1);
      if (study == nullptr) continue;
      for (const std::string& image : report.images)
        add_view(*study, image, kXmlFolder + ("/" + path.filename().string()));
    }
  }

  void read_reports(const fs::path& table) {
    CsvReader csv(table);
    const std::size_t uid = csv.column("uid"), mesh = csv.column("MeSH"),
                      indication = csv.column("indication"), comparison = csv.column("comparison"),
                      findings = csv.column("findings"), impression = csv.column("impression");
    each_row(csv, funnel_.stage("reports read", "reports"),
             [&](const CsvRow& row, const std::string&) {
               OpeniReport report;
               report.uid = field(row, uid);
               report.headings = parts(field(row, mesh), ";");
               report.sections.indication = field(row, indication);
               report.sections.comparison = field(row, comparison);
               report.sections.findings = field(row, findings);
               report.sections.impression = field(row, impression);
               add_report(report, table, row.number);
             });
  }

  void read_projections(const fs::path& table) {
    CsvReader csv(table);
    const std::size_t uid = csv.column("uid"), file = csv.column("filename"),
                      projection = csv.column("projection");
    FunnelStage& stage = funnel_.stage("images joined to reports", "images");
    each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
      const std::string image = field(row, file), text = field(row, projection);
      const std::string example = place + ": " + image;
      if (image.empty()) return stage.reject("row without an image", place);
      Study* study = studies_.find(field(row, uid));
      if (study == nullptr) return stage.drop("image of a report that is not there", example);
      if (!text.empty() && !views_.add(image, text))
        return stage.reject("unknown projection", example + ", '" + text + "'");
      add_view(*study, image, place);
    });
  }

  // Null where the report is not used.
  Study* add_report(const OpeniReport& report, const fs::path& table, std::int64_t row) {
    FunnelStage& stage = funnel_.stage("reports read", "reports");
    const std::string example = place_of(table, row) + ": uid " + report.uid;
    if (report.uid.empty()) {
      stage.reject("report without a uid", place_of(table, row));
      return nullptr;
    }
    const auto [study, fresh] = studies_.add(report.uid, report.uid, table, row);
    if (!fresh) {
      stage.drop("repeated report", example);
      return nullptr;
    }
    stage.pass();
    study->split = place_in_split(report.uid, Split::kTrain, false, options_);
    study->report.language = "en";
    fill_report(report.sections, lexicon_, study->report);
    add_labels(report.headings, *study);
    return study;
  }

  // Who codes a report by hand names all that it finds: what is not named is absent.
  void add_labels(const std::vector<std::string>& headings, Study& study) {
    for (const std::string& heading : headings)
      if (name_of(heading) != kNotCoded) study.labels[name_of(heading)] = 1;
    if (study.labels.empty()) return;
    for (const std::string& label : known_) study.labels.emplace(label, 0);
  }

  void add_view(Study& study, const std::string& image, const std::string& place) {
    FunnelStage& stage = funnel_.stage("images joined to reports", "images");
    const std::string example = place + ": " + image;
    View view;
    view.path = find_image(image);
    const bool repeated = std::any_of(study.views.begin(), study.views.end(),
                                      [&](const View& other) { return other.path == view.path; });
    if (repeated) return stage.drop("repeated image", example);
    stage.pass();
    FunnelStage& believed = funnel_.stage("views believed", "images");
    const std::optional<ViewPosition> position = views_.of(image);
    view.view = position.value_or(ViewPosition::kUnknown);
    if (position) {
      believed.pass();
    } else {
      believed.drop("no table says which view it is: UNKNOWN", example);
    }
    study.views.push_back(view);
  }

  // The XML form and the Kaggle form name the same files differently.
  std::string find_image(const std::string& name) {
    const std::string key = openi_image_key(name), uid = key.substr(0, key.find('_'));
    for (const std::string& other :
         {name, "CXR" + key, "CXR" + uid + "_" + key, key + ".dcm", key}) {
      const std::string path = images_.find(other, "");
      if (!path.empty()) return path;
    }
    const bool kaggle = name.ends_with(".png");
    return kaggle ? "images/images_normalized/" + name : "NLMCXR_png/" + name + ".png";
  }

  std::vector<Study> with_images() {
    FunnelStage& stage = funnel_.stage("reports with images", "reports");
    std::vector<Study> kept;
    for (Study& study : studies_.take()) {
      if (study.views.empty()) {
        stage.drop("report without an image", study.source_file + ": uid " + study.study_id);
      } else {
        stage.pass();
        kept.push_back(std::move(study));
      }
    }
    return kept;
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  ImageIndex images_;
  OpeniViews views_;
  std::vector<std::string> known_;
  Lexicon lexicon_;
  StudyTable studies_;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

Corpus openi_corpus() {
  return {.name = "openi",
          .summary = "OpenI / IU X-Ray (XML, or the CSV pair on Kaggle): reports, MeSH headings",
          .tree =
              "indiana_reports.csv        uid,MeSH,Problems,image,indication,comparison,findings,"
              "impression\n"
              "indiana_projections.csv    uid,filename,projection: which image is a lateral\n"
              "  or, without the reports: ecgen-radiology/1.xml (NLMCXR_reports.tgz, unpacked)\n"
              "nlmcxr_dicom_metadata.csv  imageid,ViewPosition: which frontal is AP (may be "
              "absent)\n"
              "NLMCXR_png/CXR1_1_IM-0001-3001.png, images/images_normalized/"
              "1_IM-0001-3001.dcm.png,\n"
              "or any other folders\n",
          .needs = {{kReports, kXmlFolder, "*.xml"}},
          .takes = {"--views"},
          .read = &read,
          .complete = [](Study& study) { return why_no_report(study); },
          .believe_headers = false};
}

}  // namespace biplane
