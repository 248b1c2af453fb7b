#include "biplane/corpus/corpora/corpus.h"

#include <algorithm>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/published_rules.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/formats/file_bytes.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::string example_of(const Study& study) {
  return study.source_file + " row " + std::to_string(study.source_row) + ": study " +
         study.study_id;
}

// Cuts a box at the edges of its image; false where nothing is left.
bool cut_to_image(const View& view, Box& box) {
  const auto cut = [](double& start, double& length, std::int64_t size) {
    const auto end = static_cast<double>(size);
    if (start < 0) {
      length += start;
      start = 0;
    }
    if (start + length > end) length = end - start;
    return length > 0;
  };
  const bool across = cut(box.x, box.w, view.cols);
  return cut(box.y, box.h, view.rows) && across;
}

void check_boxes(Study& study, FunnelStage& stage) {
  std::vector<Box> kept;
  for (Box& box : study.boxes) {
    if (cut_to_image(study.views.at(static_cast<std::size_t>(box.view)), box)) {
      stage.pass();
      kept.push_back(std::move(box));
    } else {
      stage.reject("box outside its image", example_of(study) + ", " + box.label);
    }
  }
  study.boxes = std::move(kept);
}

// JSON has no other texts: names would come back as others, and lead to no file.
bool has_plain_names(const Study& study) {
  return is_line_of_text(study.study_id) && is_line_of_text(study.patient_id) &&
         std::all_of(study.views.begin(), study.views.end(),
                     [](const View& view) { return is_line_of_text(view.path); }) &&
         std::all_of(study.labels.begin(), study.labels.end(),
                     [](const auto& label) { return is_line_of_text(label.first); });
}

void keep_complete(const Corpus& corpus, PreparedCorpus& prepared) {
  FunnelStage& stage = prepared.funnel.stage("studies complete", "studies");
  keep_studies(prepared.studies, [&](Study& study) {
    std::string reason = study.views.empty() ? "no image left" : "";
    if (reason.empty() && !has_plain_names(study)) reason = "a name that is not UTF-8";
    if (reason.empty() && corpus.complete != nullptr) reason = corpus.complete(study);
    if (reason.empty()) {
      stage.pass();
    } else {
      stage.drop(reason, example_of(study));
    }
    return reason.empty();
  });
}

}  // namespace

const std::vector<Corpus>& corpora() {
  static const std::vector<Corpus> all = {
      pairs_corpus(),          mimic_corpus(),         ms_cxr_corpus(),       chexpert_corpus(),
      chexpert_5x200_corpus(), chexpert_plus_corpus(), chexlocalize_corpus(), rsna_corpus(),
      siim_corpus(),           nih_corpus(),           covidx_corpus(),       object_cxr_corpus(),
      vindr_corpus(),          openi_corpus(),         padchest_corpus(),     dicom_corpus()};
  return all;
}

std::string corpus_names() {
  std::string names;
  for (const Corpus& corpus : corpora())
    names += (names.empty() ? "" : ", ") + std::string(corpus.name);
  return names;
}

const Corpus& find_corpus(const std::string& name) {
  std::vector<std::string> names;
  for (const Corpus& corpus : corpora()) {
    if (name == corpus.name) return corpus;
    names.emplace_back(corpus.name);
  }
  throw Error(ErrorKind::kUsage,
              "unknown corpus '" + name + "'" +
                  did_you_mean(name, names, "; this version prepares: " + corpus_names()));
}

void check_root(const Corpus& corpus, const fs::path& root) {
  const auto refuse = [&](const std::string& lacking) {
    throw Error(ErrorKind::kUsage, root.string() + ": is not the root of " + corpus.name + ": no " +
                                       lacking + " in it (prepare " + corpus.name +
                                       " --help shows the files expected)");
  };
  if (!fs::is_directory(root))
    throw Error(ErrorKind::kMissingInput, root.string() + ": no such folder (--root)");
  for (const std::vector<const char*>& alternatives : corpus.needs) {
    const bool there = std::any_of(alternatives.begin(), alternatives.end(), [&](const char* name) {
      return !files_like(root, name).empty();
    });
    if (there) continue;
    std::string names;
    for (const char* name : alternatives)
      names += (names.empty() ? "" : " or ") + std::string(name);
    refuse(names);
  }
  const std::string lacking = corpus.lacks == nullptr ? "" : corpus.lacks(root);
  if (!lacking.empty()) refuse(lacking);
}

std::vector<Study> read_corpus(const Corpus& corpus, const PrepareOptions& options,
                               Funnel& funnel) {
  std::vector<Study> studies = corpus.read(options, funnel);
  for (Study& study : studies) study.labels_chexpert = chexpert_of(corpus.name, study.labels);
  if (options.split.any())
    return place_as_published(corpus.name, options, std::move(studies), funnel);
  return studies;  // not in one expression with the other, which would copy all of them
}

PreparedCorpus prepare_corpus(const Corpus& corpus, const PrepareOptions& options) {
  check_fractions(options.fractions);
  check_label_policy(corpus.name, options.labels);
  check_root(corpus, options.root);
  PreparedCorpus prepared;
  prepared.studies = read_corpus(corpus, options, prepared.funnel);
  finish_preparation(corpus, options, prepared);
  return prepared;
}

void finish_preparation(const Corpus& corpus, const PrepareOptions& options,
                        PreparedCorpus& prepared) {
  if (!options.share.is_all()) {
    check_shard(prepared.studies, options);
    prepared = {};
    return;
  }
  check_images(corpus, prepared.studies, options, prepared.funnel);
  keep_complete(corpus, prepared);
  const fs::path prefix = options.out.empty() ? fs::path()
                                              : fs::relative(fs::weakly_canonical(options.root),
                                                             fs::weakly_canonical(options.out));
  for (Study& study : prepared.studies) {
    for (View& view : study.views) {
      if (view.view == ViewPosition::kUnknown) view.view = corpus.otherwise;
      view.path = (prefix / view.path).lexically_normal().string();
    }
  }
  pair_views(prepared.studies, options.pairing, prepared.funnel);
  for (Study& study : prepared.studies)
    if (!study.boxes.empty()) check_boxes(study, prepared.funnel.stage(kBoxStage, "boxes"));
  apply_label_policy(options.labels, corpus.may_lack_labels, prepared.studies, prepared.funnel);
}

Split place_in_split(const std::string& patient, Split listed, bool own_test,
                     const PrepareOptions& options) {
  if (listed != Split::kTrain) return listed;
  return split_of_patient(
      patient, {options.fractions.validate, own_test ? 0 : options.fractions.test}, options.seed);
}

}  // namespace biplane
