// MIMIC-CXR-JPG 2.x with the reports of MIMIC-CXR.
#include <array>

#include "biplane/formats/csv.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"

namespace biplane {
namespace {

enum Table : std::size_t { kMetadata, kSplit, kChexpert, kNegbio, kTestLabels };

const std::vector<std::string> kLabels = {"Atelectasis",
                                          "Cardiomegaly",
                                          "Consolidation",
                                          "Edema",
                                          "Enlarged Cardiomediastinum",
                                          "Fracture",
                                          "Lung Lesion",
                                          "Lung Opacity",
                                          "No Finding",
                                          "Pleural Effusion",
                                          "Pleural Other",
                                          "Pneumonia",
                                          "Pneumothorax",
                                          "Support Devices"};
constexpr const char* kLabelHeader =
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,"
    "Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,"
    "Support Devices";

struct Ids {
  std::string subject, study;
  std::string folder() const {
    return "files/p" + subject.substr(0, 2) + "/p" + subject + "/s" + study;
  }
};

Ids ids_of(const StudyPlace& place, std::int64_t seed) {
  return {std::to_string(10'000'000 + scattered(patient_number(place), seed)),
          std::to_string(50'000'000 + scattered(study_number(place), seed))};
}

void name_views(const StudyPlace& place, const std::string& ending, std::int64_t seed,
                Study& study) {
  const std::string folder = ids_of(place, seed).folder();
  for (std::size_t i = 0; i < study.views.size(); ++i)
    study.views[i].path =
        folder + "/" + hex_groups(study.study_id + "/mimic/" + std::to_string(i)) + ending;
}

// Words at 78 columns behind one blank, as the corpus' reports are set.
std::string wrapped(const std::string& text) {
  constexpr std::size_t kColumns = 78;
  std::string out, line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line.clear();
    }
    line += " " + word;
    at = end + 1;
  }
  return out + line + "\n";
}

std::string report_file(const Report& report, bool headerless) {
  std::string text = std::string(33, ' ') + "FINAL REPORT\n";
  for (const char* header : {"EXAMINATION", "INDICATION", "COMPARISON"}) {
    const std::string part = report_part(report, header);
    if (!part.empty()) text += wrapped(std::string(header) + ":  " + part) + " \n";
  }
  if (headerless) return text + wrapped(report.text);
  if (!report.findings.empty()) text += " FINDINGS: \n \n" + wrapped(report.findings) + " \n";
  if (!report.impression.empty()) text += " IMPRESSION: \n \n" + wrapped(report.impression);
  return text;
}

// What ViewPosition says. Laterals are LATERAL or LL; a few are blank or odd.
std::string view_position(const View& view, NoiseStream& noise) {
  static constexpr std::array kOdd = {"", "", "", "LAO", "AP AXIAL", "XTABLE LATERAL"};
  const bool odd = noise.quirk();
  const auto pick = static_cast<std::size_t>(noise.random().below(kOdd.size()));
  if (odd) return kOdd[pick];
  if (view.view != ViewPosition::kLateral) return view_name(view.view);
  return stable_hash(view.path) % 2 == 0 ? "LL" : "LATERAL";
}

std::string procedure(const Study& study) {
  for (const View& view : study.views)
    if (view.view == ViewPosition::kLateral) return "CHEST (PA AND LAT)";
  return study.views.front().view == ViewPosition::kAP ? "CHEST (PORTABLE AP)"
                                                       : "CHEST (SINGLE VIEW)";
}

// A date beyond the present, as the corpus shifts them; later studies of a patient come later.
std::string study_date(const LayoutStudy& made, const Ids& ids) {
  const std::uint64_t hash = stable_hash(ids.subject);
  const auto year = static_cast<std::int64_t>(2110 + hash % 90) + made.place.study_of_patient / 12;
  return std::to_string(year) + padded(made.place.study_of_patient % 12 + 1, 2) +
         padded(static_cast<std::int64_t>(hash / 128 % 28) + 1, 2);
}

void add_image_rows(const LayoutStudy& made, const Ids& ids, LayoutEntry& entry) {
  NoiseStream noise = made.stream("mimic-metadata");
  const std::string date = study_date(made, ids), done = procedure(made.study);
  const std::uint64_t hash = stable_hash(made.study.study_id);
  const std::string time = padded(static_cast<std::int64_t>(hash % 24), 2) +
                           padded(static_cast<std::int64_t>(hash / 32 % 60), 2) +
                           padded(static_cast<std::int64_t>(hash / 2048 % 60), 2) + "." +
                           padded(static_cast<std::int64_t>(hash / 131072 % 1000), 3);
  for (const View& view : made.study.views) {
    const std::size_t slash = view.path.rfind('/');
    const std::string id = view.path.substr(slash + 1, view.path.rfind('.') - slash - 1);
    const std::string position = view_position(view, noise);
    const std::string code = position.empty()                 ? ""
                             : view.view == ViewPosition::kPA ? "postero-anterior"
                             : view.view == ViewPosition::kAP ? "antero-posterior"
                                                              : "lateral";
    entry.rows.emplace_back(
        kMetadata, csv_line({id, ids.subject, ids.study, done, position, std::to_string(view.rows),
                             std::to_string(view.cols), date, time, done, code,
                             view.view == ViewPosition::kAP ? "Recumbent" : "Erect"}));
    entry.rows.emplace_back(kSplit,
                            csv_line({id, ids.study, ids.subject, split_name(made.study.split)}));
  }
}

LayoutEntry describe(const LayoutStudy& made) {
  const Ids ids = ids_of(made.place, made.seed);
  LayoutEntry entry;
  add_image_rows(made, ids, entry);
  // Two labellers read the same report and err on their own.
  for (const auto& [table, name] :
       {std::pair{kChexpert, "mimic-chexpert"}, {kNegbio, "mimic-negbio"}}) {
    NoiseStream noise = made.stream(name);
    entry.rows.emplace_back(table, ids.subject + "," + ids.study + "," +
                                       csv_line(chexpert_fields(made.study, kLabels, noise)));
  }
  if (made.study.split == Split::kTest) {
    LayoutStudy radiologist = made;
    radiologist.noise = {};
    NoiseStream none = radiologist.stream("mimic-test");
    entry.rows.emplace_back(kTestLabels,
                            ids.study + "," + csv_line(chexpert_fields(made.study, kLabels, none)));
  }
  NoiseStream noise = made.stream("mimic-reports");
  entry.files.emplace_back(ids.folder() + ".txt", report_file(made.study.report, noise.quirk()));
  return entry;
}

}  // namespace

Layout mimic_layout() {
  const std::string labels = kLabelHeader;
  return {.name = "mimic",
          .summary = "MIMIC-CXR-JPG: files/p10/..., reports, metadata, split and two label tables",
          .formats = {"jpeg"},
          .second_frontal = 0.06,
          .styles = {"standard", "bedside"},
          .noise = {.flip = 0.02, .uncertain = 0.04, .blank = 0.25, .quirk = 0.04},
          .tables =
              {{"mimic-cxr-2.0.0-metadata.csv.gz",
                "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,"
                "Columns,StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,"
                "ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"},
               {"mimic-cxr-2.0.0-split.csv.gz", "dicom_id,study_id,subject_id,split"},
               {"mimic-cxr-2.0.0-chexpert.csv.gz", "subject_id,study_id," + labels},
               {"mimic-cxr-2.0.0-negbio.csv.gz", "subject_id,study_id," + labels},
               {"mimic-cxr-2.1.0-test-set-labeled.csv", "study_id," + labels}},
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane
