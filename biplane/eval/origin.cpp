#include "biplane/eval/origin.h"

#include <algorithm>

#include "biplane/core/sha256.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::string split_hash(const Manifest& manifest, const std::vector<std::int64_t>& studies) {
  std::vector<std::string> ids;
  for (const std::int64_t index : studies) ids.push_back(manifest.summary(index).study_id);
  std::sort(ids.begin(), ids.end());
  std::string text;
  for (const std::string& id : ids) text += id + "\n";
  return sha256_hex(text);
}

}  // namespace

fs::path run_of(const fs::path& model) {
  fs::path folder = fs::weakly_canonical(model);
  if (folder.filename().empty()) folder = folder.parent_path();
  if (folder.filename() == "model") return folder.parent_path();
  if (folder.parent_path().filename() == "checkpoints") return folder.parent_path().parent_path();
  return folder;
}

std::string corpus_of(const fs::path& manifest) {
  const fs::path path = fs::weakly_canonical(manifest);
  return (fs::is_directory(path) ? path : path.parent_path()).filename().string();
}

ResultOrigin model_origin(const Engine& engine, const fs::path& model, const Manifest& manifest,
                          const std::vector<std::int64_t>& studies) {
  ResultOrigin origin;
  origin.run = run_of(model).filename().string();
  origin.seed = engine.description().provenance.seed;
  origin.weights_sha256 = engine.package().weights_sha256;
  origin.preprocess_sha256 = engine.package().preprocess_sha256;
  origin.split_sha256 = split_hash(manifest, studies);
  return origin;
}

}  // namespace biplane
