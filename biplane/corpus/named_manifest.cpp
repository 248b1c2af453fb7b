#include "biplane/corpus/named_manifest.h"

#include <filesystem>

namespace biplane {

namespace fs = std::filesystem;

std::string corpus_of(const Manifest& manifest, const CorpusRelations& relations) {
  const std::string folder = fs::absolute(manifest.path()).parent_path().filename().string();
  return relations.knows(folder) ? folder : "";
}

NamedManifest read_named_manifest(const std::string& argument, const std::string& root,
                                  const CorpusRelations& relations) {
  const std::size_t equals = argument.find('=');
  const bool named = equals != std::string::npos && equals > 0 && !fs::exists(argument) &&
                     argument.find('/') > equals;
  const std::string path = named ? argument.substr(equals + 1) : argument;
  NamedManifest result{Manifest::read(path, root), named ? argument.substr(0, equals) : "", path};
  if (!named) result.corpus = corpus_of(result.manifest, relations);
  return result;
}

}  // namespace biplane
