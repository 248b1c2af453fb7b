#include "biplane/eval/choosing_studies.h"

#include <algorithm>

#include "biplane/core/share.h"
#include "biplane/corpus/exclusion.h"
#include "biplane/corpus/named_manifest.h"

namespace biplane {

ChoosingStudies::ChoosingStudies(const EvaluateOptions& options, const Manifest& measured,
                                 const std::vector<std::int64_t>& measured_studies)
    : manifest(options.choose_manifest.empty() ? measured
                                               : Manifest::read(options.choose_manifest)) {
  const StudyFilter filter{.split = options.choose_on};
  const auto relations = CorpusRelations::read(share_file("corpora/relations.yaml"));
  std::string corpus = corpus_of(measured.path(), relations);
  if (relations.knows(options.corpus)) corpus = options.corpus;
  const std::string own =
      options.choose_manifest.empty() ? corpus : corpus_of(manifest.path(), relations);
  const std::vector<std::int64_t> all = select_studies(manifest, filter);
  auto same = studies_of_patients({manifest, own}, {measured, corpus}, measured_studies);
  const auto images = studies_of_images(manifest, all, measured, measured_studies);
  same.insert(same.end(), images.begin(), images.end());
  std::sort(same.begin(), same.end());
  chosen = select_studies(manifest, filter, same);
  left_out = static_cast<std::int64_t>(all.size() - chosen.size());
}

void ChoosingStudies::encode(const Engine& engine) {
  if (chosen.empty() || !studies.empty()) return;
  features = engine.encode(manifest, chosen);
  studies = manifest.studies(features.studies);
}

}  // namespace biplane
