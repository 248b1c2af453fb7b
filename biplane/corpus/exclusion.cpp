#include "biplane/corpus/exclusion.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "biplane/core/error.h"
#include "biplane/core/share.h"
#include "biplane/corpus/named_manifest.h"

namespace biplane {
namespace {

// The name by which a patient of `corpus` goes in a name space; empty where none is known.
const std::string& name_in(const StudySummary& study, const std::string& corpus,
                           const std::string& space, const CorpusRelations& relations) {
  static const std::string unknown;
  if (relations.name_space(corpus) == space) return study.patient_id;
  for (const auto& [other, name] : study.patient_in)
    if (relations.name_space(other) == space) return name;
  return unknown;
}

bool all_unknown(const std::vector<std::string_view>& names) {
  return std::all_of(names.begin(), names.end(), [](const auto& name) { return name.empty(); });
}

[[noreturn]] void throw_no_names(const NamedManifest& other, const std::string& corpus,
                                 const Manifest& manifest, const CorpusRelations& relations) {
  const bool shared = relations.share_patients(corpus, other.corpus);
  throw Error(ErrorKind::kUsage,
              other.given + ": its patients (" + other.corpus + ") " +
                  (shared ? "have other names than those of " : "are none of those of ") +
                  manifest.path().string() + " (" + corpus + "), so none can be left out by name" +
                  (shared ? "; `biplane audit` finds the images that both have" : ""));
}

// The patients of two manifests, study by study, in one name space; empty where a name is unknown.
struct Patients {
  std::vector<std::string_view> ours, theirs;
};

// Names are as they are where a corpus is not known, and else in a space where both have some;
// nothing where there is none.
std::optional<Patients> common_names(const CorpusManifest& our, const CorpusManifest& other,
                                     const CorpusRelations& relations) {
  const bool known = !our.corpus.empty() && !other.corpus.empty();
  for (const std::string& space :
       {relations.name_space(our.corpus), relations.name_space(other.corpus)}) {
    Patients patients;
    for (const StudySummary& study : our.manifest.summaries())
      patients.ours.push_back(known ? name_in(study, our.corpus, space, relations)
                                    : study.patient_id);
    for (const StudySummary& study : other.manifest.summaries()) {
      patients.theirs.push_back(known ? name_in(study, other.corpus, space, relations)
                                      : study.patient_id);
    }
    if (!all_unknown(patients.ours) && !all_unknown(patients.theirs)) return patients;
  }
  return std::nullopt;
}

CorpusRelations shipped_relations() {
  return CorpusRelations::read(share_file("corpora/relations.yaml"));
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
  const CorpusRelations relations = shipped_relations();
  const std::string corpus = corpus_of(manifest.path(), relations);
  std::vector<bool> left_out(manifest.summaries().size(), false);
  for (const std::string& argument : others) {
    const NamedManifest other = read_named_manifest(argument, "", relations);
    const auto patients =
        common_names({manifest, corpus}, {other.manifest, other.corpus}, relations);
    if (!patients) throw_no_names(other, corpus, manifest, relations);
    std::unordered_set<std::string_view> found;
    std::unordered_set<std::string_view> theirs(patients->theirs.begin(), patients->theirs.end());
    theirs.erase("");
    PatientExclusion::Source& source = exclusion.sources.emplace_back();
    source.manifest = argument;
    for (std::size_t i = 0; i < left_out.size(); ++i) {
      if (!theirs.contains(patients->ours[i])) continue;
      left_out[i] = true;
      ++source.studies;
      found.insert(patients->ours[i]);
    }
    source.patients = static_cast<std::int64_t>(found.size());
  }
  for (std::size_t i = 0; i < left_out.size(); ++i)
    if (left_out[i]) exclusion.studies.push_back(static_cast<std::int64_t>(i));
  return exclusion;
}

std::vector<std::int64_t> studies_of_patients(const CorpusManifest& ours,
                                              const CorpusManifest& others,
                                              std::span<const std::int64_t> studies) {
  const CorpusRelations relations = shipped_relations();
  if (ours.manifest.summaries().empty() || studies.empty()) return {};
  const auto patients = common_names(ours, others, relations);
  if (!patients) {
    if (!relations.share_patients(ours.corpus, others.corpus)) return {};
    throw Error(ErrorKind::kUsage,
                ours.manifest.path().string() + " (" + ours.corpus + ") and " +
                    others.manifest.path().string() + " (" + others.corpus +
                    ") share patients whose names in the other are not known, so they cannot be "
                    "told apart");
  }
  std::unordered_set<std::string_view> wanted;
  for (const std::int64_t study : studies)
    wanted.insert(patients->theirs.at(static_cast<std::size_t>(study)));
  wanted.erase("");
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < patients->ours.size(); ++i)
    if (wanted.contains(patients->ours[i])) found.push_back(static_cast<std::int64_t>(i));
  return found;
}

std::vector<std::int64_t> studies_of_images(const Manifest& ours,
                                            std::span<const std::int64_t> studies,
                                            const Manifest& others,
                                            std::span<const std::int64_t> other_studies) {
  std::unordered_set<std::string> hashes;
  for (const std::int64_t index : other_studies)
    for (const View& view : others.study(index).views) hashes.insert(view.sha256);
  hashes.erase("");
  std::vector<std::int64_t> found;
  if (hashes.empty()) return found;
  std::copy_if(studies.begin(), studies.end(), std::back_inserter(found), [&](std::int64_t index) {
    const std::vector<View> views = ours.study(index).views;
    return std::any_of(views.begin(), views.end(),
                       [&](const View& view) { return hashes.contains(view.sha256); });
  });
  return found;
}

}  // namespace biplane
