#include "biplane/corpus/exclusion.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "biplane/core/error.h"
#include "biplane/core/share.h"
#include "biplane/corpus/named_manifest.h"

namespace biplane {
namespace {

void check_names(const NamedManifest& other, const std::string& corpus, const Manifest& manifest,
                 const CorpusRelations& relations) {
  if (corpus.empty() || other.corpus.empty() ||
      relations.name_space(corpus) == relations.name_space(other.corpus))
    return;
  const bool shared = relations.share_patients(corpus, other.corpus);
  throw Error(ErrorKind::kUsage,
              other.given + ": its patients (" + other.corpus + ") " +
                  (shared ? "have other names than those of " : "are none of those of ") +
                  manifest.path().string() + " (" + corpus + "), so none can be left out by name" +
                  (shared ? "; `biplane audit` finds the images that both have" : ""));
}

}  // namespace

std::vector<std::string> PatientExclusion::lines() const {
  std::vector<std::string> lines;
  for (const Source& source : sources) {
    lines.push_back(std::to_string(source.studies) + " studies of " +
                    std::to_string(source.patients) + " patients that stand in " + source.manifest +
                    " are left out");
  }
  return lines;
}

PatientExclusion exclude_patients(const Manifest& manifest,
                                  const std::vector<std::string>& others) {
  PatientExclusion exclusion;
  if (others.empty()) return exclusion;
  const CorpusRelations relations = CorpusRelations::read(share_file("corpora/relations.yaml"));
  const std::string corpus = corpus_of(manifest, relations);
  std::vector<bool> left_out(manifest.summaries().size(), false);
  for (const std::string& argument : others) {
    const NamedManifest other = read_named_manifest(argument, "", relations);
    check_names(other, corpus, manifest, relations);
    std::unordered_set<std::string_view> theirs, found;
    for (const StudySummary& study : other.manifest.summaries()) theirs.insert(study.patient_id);
    PatientExclusion::Source& source = exclusion.sources.emplace_back();
    source.manifest = argument;
    for (std::size_t i = 0; i < left_out.size(); ++i) {
      const std::string& patient = manifest.summaries()[i].patient_id;
      if (!theirs.contains(patient)) continue;
      left_out[i] = true;
      ++source.studies;
      found.insert(patient);
    }
    source.patients = static_cast<std::int64_t>(found.size());
  }
  for (std::size_t i = 0; i < left_out.size(); ++i)
    if (left_out[i]) exclusion.studies.push_back(static_cast<std::int64_t>(i));
  return exclusion;
}

}  // namespace biplane
