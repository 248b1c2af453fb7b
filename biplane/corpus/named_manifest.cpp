#include "biplane/corpus/named_manifest.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "biplane/core/files.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const fs::path& manifest) {
  return fs::weakly_canonical(manifest).parent_path().filename().string();
}

}  // namespace

std::string prepared_corpus(const fs::path& manifest) {
  const fs::path funnel = fs::absolute(manifest).parent_path() / "funnel.json";
  if (!fs::exists(funnel)) return "";
  const auto json = nlohmann::json::parse(read_file(funnel), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("choices") || !json["choices"].is_object()) return "";
  const auto corpus = json["choices"].find(kCorpusChoice);
  return corpus != json["choices"].end() && corpus->is_string() ? corpus->get<std::string>() : "";
}

std::string corpus_of(const fs::path& manifest, const CorpusRelations& relations) {
  const fs::path named = fs::absolute(manifest).parent_path().filename();  // a link keeps its name
  for (const std::string& folder : {named.string(), folder_of(manifest)})
    if (relations.knows(folder)) return folder;
  const std::string prepared = prepared_corpus(manifest);
  return relations.knows(prepared) ? prepared : "";
}

std::string counted_corpus(const std::string& given, const fs::path& manifest,
                           const CorpusRelations& relations) {
  if (relations.knows(given)) return given;
  const std::string known = corpus_of(manifest, relations);
  if (!known.empty()) return known;
  return given.empty() ? folder_of(manifest) : given;
}

NamedManifest read_named_manifest(const std::string& argument, const std::string& root,
                                  const CorpusRelations& relations) {
  const std::size_t equals = argument.find('=');
  const bool named = equals != std::string::npos && equals > 0 && !fs::exists(argument) &&
                     argument.find('/') > equals;
  const std::string path = named ? argument.substr(equals + 1) : argument;
  NamedManifest result{Manifest::read(path, root), named ? argument.substr(0, equals) : "", path};
  if (!named) result.corpus = corpus_of(result.manifest.path(), relations);
  return result;
}

}  // namespace biplane
