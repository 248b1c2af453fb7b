// A hospital's own images: a PACS export, and a table of reports.
#include "biplane/imaging/dicom.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/dicom_files.h"
#include "biplane/corpus/corpora/dicom_names.h"
#include "biplane/corpus/corpora/dicom_reports.h"
#include "biplane/corpus/corpora/each_file.h"
#include "biplane/corpus/corpora/report_text.h"
#include "biplane/corpus/corpora/tables.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// ---- the same image twice

using ImagesByStudy = std::unordered_map<std::string, std::vector<const PacsImage*>>;

bool is_made_of(const PacsImage& image, const PacsImage& source) {
  return std::find(image.sources.begin(), image.sources.end(), source.instance) !=
         image.sources.end();
}

// Raw data beside what was made of it for eyes.
bool is_shown_otherwise(const PacsImage& image, const std::vector<const PacsImage*>& of_study) {
  return image.for_processing &&
         std::any_of(of_study.begin(), of_study.end(), [&](const PacsImage* other) {
           const bool alike = other->view == image.view && other->laterality == image.laterality;
           return other->for_presentation && (alike || is_made_of(*other, image));
         });
}

bool have_one_source(const PacsImage& a, const PacsImage& b) {
  return std::find_first_of(a.sources.begin(), a.sources.end(), b.sources.begin(),
                            b.sources.end()) != a.sources.end();
}

// Made of an image that is there too, or of the same one as an image before it; what was made of
// raw data is better than these.
bool is_derived(const PacsImage& image, const std::vector<const PacsImage*>& of_study) {
  return std::any_of(of_study.begin(), of_study.end(), [&](const PacsImage* other) {
    if (other == &image || other->for_processing) return false;
    return (is_made_of(image, *other) && !is_made_of(*other, image)) ||
           (other < &image && have_one_source(image, *other));
  });
}

std::vector<PacsImage> keep_one_of_each(std::vector<PacsImage> images, FunnelStage& stage) {
  std::unordered_set<std::string> instances;
  std::vector<bool> stays(images.size(), true);
  ImagesByStudy by_study;
  for (std::size_t i = 0; i < images.size(); ++i) {
    stays[i] = instances.insert(images[i].instance).second;
    if (stays[i]) by_study[images[i].study].push_back(&images[i]);
    if (!stays[i]) stage.drop("repeated image: same SOPInstanceUID", images[i].path);
  }
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (!stays[i]) continue;
    const std::vector<const PacsImage*>& of_study = by_study.at(images[i].study);
    const bool raw = is_shown_otherwise(images[i], of_study);
    if (raw) stage.drop("for processing, beside one for presentation", images[i].path);
    stays[i] = !raw && !is_derived(images[i], of_study);
    if (!raw && !stays[i]) stage.drop("another form of an image of its study", images[i].path);
    if (stays[i]) stage.pass();
  }
  std::vector<PacsImage> kept;
  for (std::size_t i = 0; i < images.size(); ++i)
    if (stays[i]) kept.push_back(std::move(images[i]));
  return kept;
}

// ---- texts in the picture

std::vector<PacsImage> look_for_texts(std::vector<PacsImage> images, bool drop,
                                      FunnelStage& stage) {
  std::erase_if(images, [&](const PacsImage& image) {
    if (!image.burned_in) stage.pass();
    if (image.burned_in)
      stage.drop(drop ? "BurnedInAnnotation is YES: left out" : "BurnedInAnnotation is YES: kept",
                 image.path);
    return image.burned_in && drop;
  });
  return images;
}

// ---- images to studies

class Grouping {
 public:
  Grouping(const PrepareOptions& options, const std::vector<PacsImage>& images)
      : options_(options), names_(options.pacs.salt, images) {}

  void add(const PacsImage& image, FunnelStage& stage) {
    const std::string study_name = names_.name(image.study);
    // Without a patient the study stands for one.
    const std::string patient = image.patient.empty() ? study_name : names_.name(image.patient);
    const auto [study, fresh] = studies_.add(study_name, patient, image.path, 0);
    if (!image.patient.empty() && study->patient_id == study_name) study->patient_id = patient;
    if (!image.patient.empty() && study->patient_id != patient)
      return stage.reject("names another patient than its study", image.path);
    if (fresh) {
      study->source_file = image.path;
      keys_.by_study[image.study] = study;
    }
    if (fresh && !image.accession.empty()) keys_.by_accession[image.accession].push_back(study);
    if (study->sex.empty()) study->sex = image.sex;
    if (!study->age) study->age = image.age;
    View view;
    view.path = image.path;
    view.view = image.view;
    view.laterality = image.laterality;
    view.rows = image.rows;
    view.cols = image.cols;
    study->views.push_back(std::move(view));
    stage.pass();
  }

  const ReportKeys& keys() const { return keys_; }
  std::vector<Study> take() {
    std::vector<Study> studies = studies_.take();
    for (Study& study : studies)
      study.split = place_in_split(study.patient_id, Split::kTrain, false, options_);
    return studies;
  }

 private:
  const PrepareOptions& options_;
  Pseudonyms names_;
  StudyTable studies_;
  ReportKeys keys_;
};

void drop_without_report(std::vector<Study>& studies, FunnelStage& stage) {
  std::erase_if(studies, [&](const Study& study) {
    const bool none = study.report.text.empty();
    if (!none) stage.pass();
    if (none) stage.drop("no row of the reports names it", study.views.front().path);
    return none;
  });
}

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  if (!options.reports.empty() && !fs::exists(options.reports))
    throw Error(ErrorKind::kMissingInput, options.reports.string() + ": no such file (--reports)");
  std::vector<PacsImage> images = find_pacs_images(options, funnel);
  images = keep_one_of_each(std::move(images), funnel.stage("images told apart", "images"));
  images = look_for_texts(std::move(images), options.pacs.drop_burned_in,
                          funnel.stage("images without burned-in texts", "images"));
  Grouping grouping(options, images);
  for (const PacsImage& image : images)
    grouping.add(image, funnel.stage("images grouped into studies", "images"));
  if (!options.reports.empty())
    join_reports(options, grouping.keys(), funnel.stage("reports joined", "rows"));
  std::vector<Study> studies = grouping.take();
  if (!options.reports.empty())
    drop_without_report(studies, funnel.stage("studies with a report", "studies"));
  return studies;
}

std::string complete(Study& study) {
  static const Lexicon lexicon = Lexicon::english();
  if (study.report.text.empty()) return {};  // no table of reports was given
  fill_report(parse_sections(study.report.text, lexicon), lexicon, study.report);
  return why_no_report(study);
}

std::string lacks(const fs::path& root) {
  bool found = false;
  each_file(root, {}, [&](const fs::path& path) {
    try {
      found = read_dicom_header(path).has_value();
    } catch (const Error&) {
      found = true;  // a damaged one is one
    }
    return !found;
  });
  return found ? "" : "DICOM file";
}

}  // namespace

Corpus dicom_corpus() {
  return {
      .name = "dicom",
      .summary = "a hospital's PACS export, and a CSV of reports",
      .tree =
          "any folders of DICOM files, with any names and endings; other files are counted\n"
          "--reports FILE  a table (CSV; commas, semicolons or tabs) with a column of\n"
          "                StudyInstanceUID or AccessionNumber and one of reports, or\n"
          "                findings and impression; other names: --study, --accession, "
          "--report\n",
      .takes = {"--reports", "--study", "--accession", "--report", "--salt", "--drop-burned-in"},
      .lacks = &lacks,
      .read = &read,
      .complete = &complete};
}

}  // namespace biplane
