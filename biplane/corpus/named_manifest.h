#pragma once

#include <filesystem>
#include <string>

#include "biplane/corpus/manifest.h"
#include "biplane/corpus/relations.h"

namespace biplane {

// A manifest as the user names it, "MANIFEST" or "CORPUS=MANIFEST", and what is known of its
// corpus.
struct NamedManifest {
  Manifest manifest;
  std::string corpus;  // empty: unknown
  std::string given;   // the path, as given
};

// Without CORPUS= it is that of corpus_of(). Throws Error as Manifest::read.
NamedManifest read_named_manifest(const std::string& argument, const std::string& root,
                                  const CorpusRelations& relations);

// Name of the choice of `prepare` that funnel.json keeps, and `pack` after it.
inline constexpr const char* kCorpusChoice = "corpus";

// The corpus that a manifest was prepared from, as the funnel.json beside it says; empty where
// there is none, or where it does not say so.
std::string prepared_corpus(const std::filesystem::path& manifest);

// Name of the corpus of a manifest: its folder's where `relations` knows it, else the corpus that
// it was prepared from; empty where `relations` knows neither.
std::string corpus_of(const std::filesystem::path& manifest, const CorpusRelations& relations);

// As whose studies those of a manifest count where exposure is asked: `given` (may be empty) if
// `relations` knows it, else corpus_of(), else `given`, else the name of the manifest's folder.
std::string counted_corpus(const std::string& given, const std::filesystem::path& manifest,
                           const CorpusRelations& relations);

}  // namespace biplane
