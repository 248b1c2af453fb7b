#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"

namespace biplane {

// The studies of a manifest whose patients stand in other manifests.
struct PatientExclusion {
  // Of one of the others: how many of its patients the manifest has, and of how many studies. A
  // patient of two others counts for each.
  struct Source {
    std::string manifest;  // as the user named it
    std::int64_t patients = 0, studies = 0;
  };
  std::vector<std::int64_t> studies;  // indices into the manifest, ascending, of every split
  std::vector<Source> sources;

  // One line a source, for logs: "12 studies of 7 patients that stand in X are left out".
  std::vector<std::string> lines() const;
};

// `others`: each MANIFEST or CORPUS=MANIFEST. Patients of equal names are the same, unless both
// corpora are known (by that, or by the names of the folders) and share/corpora/relations.yaml says
// that they have other names: then Error kUsage, because nothing could be left out. Throws Error as
// Manifest::read.
PatientExclusion exclude_patients(const Manifest& manifest, const std::vector<std::string>& others);

// A manifest and its corpus as share/corpora/relations.yaml names it; empty: not known.
struct CorpusManifest {
  const Manifest& manifest;
  std::string corpus;
};

// Indices into `ours` of the studies whose patients have one of these studies of `others`. Names
// are compared as by exclude_patients(); corpora that share no patients have none in common. Throws
// Error kUsage where they share some whose names in the other corpus are not known.
std::vector<std::int64_t> studies_of_patients(const CorpusManifest& ours,
                                              const CorpusManifest& others,
                                              std::span<const std::int64_t> studies);

// Those of `studies` that show an image which one of `other_studies` shows too, by the hashes of
// the files where manifests have them: what names of patients do not tell.
std::vector<std::int64_t> studies_of_images(const Manifest& ours,
                                            std::span<const std::int64_t> studies,
                                            const Manifest& others,
                                            std::span<const std::int64_t> other_studies);

}  // namespace biplane
