#pragma once

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

// Without CORPUS= the name of the manifest's folder is taken where `relations` knows it. Throws
// Error as Manifest::read.
NamedManifest read_named_manifest(const std::string& argument, const std::string& root,
                                  const CorpusRelations& relations);

// Name of the corpus that a manifest's folder says; empty where `relations` does not know it.
std::string corpus_of(const Manifest& manifest, const CorpusRelations& relations);

}  // namespace biplane
