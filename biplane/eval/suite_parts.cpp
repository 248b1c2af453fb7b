#include "biplane/eval/suite_parts.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"
#include "biplane/core/share.h"
#include "biplane/corpus/named_manifest.h"
#include "biplane/eval/origin.h"
#include "biplane/model/package.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string file_hash(const fs::path& file) {
  return file.empty() || !fs::exists(file) ? std::string() : sha256_file(file);
}

// Of what comes with the program and decides about rows: prompts, relations of corpora, labeller,
// lexicon. Users may change these files without another program.
std::string share_hash() {
  std::string hashes;
  for (const char* folder : {"prompts", "corpora", "labels", "lexicon"}) {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(share_file(folder)))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) hashes += file.filename().string() + file_hash(file);
  }
  return sha256_hex(hashes);
}

// The lines of a part's file: a head with the hash of what follows, its facts, its rows.
std::string part_text(const SuitePart& part) {
  std::string text =
      Json{{"notes", part.notes}, {"studies", part.studies}, {"broken", part.broken}}.dump(
          -1, ' ', false, Json::error_handler_t::replace) +
      "\n";
  for (const std::string& line : part.lines) text += line + "\n";
  return text;
}

}  // namespace

fs::path manifest_file(const fs::path& manifest) {
  return fs::is_directory(manifest) ? manifest / "manifest.jsonl" : manifest;
}

Json part_terms(const EvaluateOptions& options) {
  const fs::path model = find_model(options.model), manifest = manifest_file(options.manifest);
  const StudyFilter& studies = options.studies;
  Json json = {{"task", ""},
               {"corpus", options.corpus},
               {"model", file_hash(model / "SHA256SUMS")},
               {"weights", file_hash(model / "model.safetensors")},
               {"run", run_of(options.model).filename().string()},
               {"manifest", sha256_file(manifest)},
               {"funnel", file_hash(manifest.parent_path() / "funnel.json")},
               {"root", options.root.string()},
               {"share", share_hash()},
               {"pairs", file_hash(manifest.parent_path() / "minimal_pairs.jsonl")},
               {"counterfactual", file_hash(manifest.parent_path() / "counterfactual.jsonl")},
               {"studies",
                {studies.split, studies.require_both, studies.require_report, studies.limit,
                 studies.invert}},
               {"prompts", file_hash(options.prompts)},
               {"choose_on", options.choose_on},
               {"choose", options.choose_manifest.empty()
                              ? std::string()
                              : sha256_file(manifest_file(options.choose_manifest))},
               {"at", {options.at_sensitivity, options.at_specificity}},
               {"subgroups", options.subgroups},
               {"groups", file_hash(options.group_table)},
               {"smallest", options.smallest_subgroup},
               {"pool", options.pool},
               {"gradient_studies", options.gradient_studies},
               {"bootstrap", options.bootstrap},
               {"code", options.code}};
  if (options.exclude_patients_of.empty()) return json;
  const auto relations = CorpusRelations::read(share_file("corpora/relations.yaml"));
  for (const std::string& other : options.exclude_patients_of) {
    const NamedManifest named = read_named_manifest(other, "", relations);
    json["excluded"].push_back({other, named.corpus, file_hash(named.manifest.path())});
  }
  return json;
}

Json head_terms(const SuiteHead& head, const Json& manifest_terms) {
  Json terms = {{"head", head.protocol}, {"settings", head.settings}};
  for (const char* key :
       {"corpus", "model", "weights", "manifest", "funnel", "root", "share", "code"})
    terms[key] = manifest_terms.at(key);
  return terms;
}

std::string part_key(Json terms, const std::string& task) {
  terms["task"] = task;
  return sha256_hex(terms.dump()).substr(0, 16);
}

std::string part_name(const std::string& corpus, const std::string& name, const std::string& key) {
  return corpus + "-" + name + "-" + key;
}

void write_part(const fs::path& file, const SuitePart& part) {
  const std::string text = part_text(part);
  write_file_atomically(file, Json{{"sha256", sha256_hex(text)}}.dump() + "\n" + text);
}

std::optional<SuitePart> read_part(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  const std::string text = read_file(file);
  const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
  const Json head = Json::parse(text.substr(0, end), nullptr, /*allow_exceptions=*/false);
  const std::string rest = text.substr(end);
  if (!head.is_object() || head.value("sha256", Json()) != Json(sha256_hex(rest)))
    throw Error(ErrorKind::kBadContent,
                file.string() + ": is damaged; remove it, and it is measured again");
  std::istringstream lines(rest);
  std::string line;
  std::getline(lines, line);
  const Json facts = Json::parse(line);
  SuitePart part;
  part.notes = facts.at("notes").get<std::vector<std::string>>();
  part.studies = facts.at("studies").get<std::int64_t>();
  part.broken = facts.at("broken").get<std::int64_t>();
  while (std::getline(lines, line)) part.lines.push_back(line);
  return part;
}

}  // namespace biplane
