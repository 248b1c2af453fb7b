#include "biplane/model/package.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "biplane/core/checksums.h"
#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"
#include "biplane/model/checkpoint.h"
#include "biplane/model/model_card.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kVocabulary = "vocab.txt";
constexpr const char* kPreprocess = "preprocess.json";
constexpr const char* kPrompts = "prompts";
constexpr const char* kLexicon = "lexicon.yaml";
constexpr const char* kModelCard = "model_card.md";
constexpr std::int64_t kFormat = 1;
constexpr const char* kArchitecture = "biplane-multiview";

// Visitor that writes a struct as JSON, in the order of its fields.
class JsonWriter {
 public:
  template <class T>
  void field(std::string_view name, T& value) {
    json_[std::string(name)] = to_json(value);
  }
  const Json& json() const { return json_; }

  template <class T>
  static Json to_json(T& value) {
    if constexpr (requires(JsonWriter & writer) { value.visit(writer); }) {
      JsonWriter writer;
      value.visit(writer);
      return writer.json();
    } else {
      return value;
    }
  }

 private:
  Json json_ = Json::object();
};

// config.json.
struct ConfigFile {
  std::int64_t format = kFormat;
  std::string architecture = kArchitecture;
  ModelConfig model;
  WordPieceOptions tokenizer;
  ModelProvenance provenance;

  template <class V>
  void visit(V& v) {
    v.field("format", format);
    v.field("architecture", architecture);
    v.field("model", model);
    v.field("tokenizer", tokenizer);
    v.field("provenance", provenance);
  }
};

// Reads JSON (which is YAML too) into a struct; what is wrong with it is damaged content here, not
// bad usage.
template <class T>
T read_struct(const fs::path& file) {
  T result;
  try {
    load_config(ConfigTree::parse(read_file(file, 1 << 24), file.string()), result);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUsage) throw;
    throw Error(ErrorKind::kBadContent, error.what());
  }
  return result;
}

// Only what every version writes: a file of a later format may have keys this version does not
// know.
void check_format(const fs::path& file) {
  try {
    const nlohmann::json json = nlohmann::json::parse(read_file(file, 1 << 24));
    const std::int64_t format = json.at("format").get<std::int64_t>();
    const std::string architecture = json.at("architecture").get<std::string>();
    if (format == kFormat && architecture == kArchitecture) return;
    throw Error(ErrorKind::kBadContent,
                file.string() + ": a model of format " + std::to_string(format) +
                    " and architecture '" + architecture + "'; this version reads format " +
                    std::to_string(kFormat) + " of '" + kArchitecture + "'");
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kBadContent,
                file.string() + ": not the configuration of a model: " + error.what());
  }
}

bool is_model_folder(const fs::path& folder) {
  return fs::exists(folder / kConfig) && fs::exists(folder / kWeights);
}

std::vector<fs::path> prompt_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / kPrompts, none)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

ModelDescription read_description(const fs::path& folder) {
  check_format(folder / kConfig);
  const auto config = read_struct<ConfigFile>(folder / kConfig);
  try {
    check_config(config.model);
    check_masking_options(config.provenance.masking, "provenance.masking.");
  } catch (const Error& error) {
    throw Error(ErrorKind::kBadContent, (folder / kConfig).string() + ": " + error.what());
  }
  const Vocabulary vocabulary = Vocabulary::read(folder / kVocabulary);
  if (vocabulary.size() != config.model.text.bert.vocabulary) {
    throw Error(ErrorKind::kBadContent, (folder / kVocabulary).string() + ": has " +
                                            std::to_string(vocabulary.size()) +
                                            " tokens, the model was built for " +
                                            std::to_string(config.model.text.bert.vocabulary));
  }
  std::string lexicon;
  if (fs::exists(folder / kLexicon)) lexicon = read_file(folder / kLexicon, 1 << 24);
  return {config.model,     read_struct<PreprocessOptions>(folder / kPreprocess),
          config.tokenizer, config.provenance,
          vocabulary,       prompt_files(folder),
          lexicon};
}

// Moves a finished folder to its place; what was there goes first.
void move_into_place(const fs::path& finished, const fs::path& folder) {
  const fs::path old = finished.string() + "-old";
  try {
    fs::remove_all(old);
    if (fs::exists(folder)) fs::rename(folder, old);
    fs::rename(finished, folder);
    fs::remove_all(old);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kIo, folder.string() + ": cannot be written: " + error.code().message());
  }
}

}  // namespace

void write_model_description(const fs::path& folder, const ModelDescription& description) {
  ConfigFile config{kFormat, kArchitecture, description.config, description.tokenizer,
                    description.provenance};
  PreprocessOptions preprocess = description.preprocess;
  write_file_atomically(folder / kConfig, JsonWriter::to_json(config).dump(2) + "\n");
  write_file_atomically(folder / kPreprocess, JsonWriter::to_json(preprocess).dump(2) + "\n");
  description.vocabulary.write(folder / kVocabulary);
  if (!description.lexicon.empty()) write_file_atomically(folder / kLexicon, description.lexicon);
  make_folder(folder / kPrompts);
  for (const fs::path& file : description.prompts) {
    write_file_atomically(folder / kPrompts / file.filename(), read_file(file, 1 << 24));
  }
  write_file_atomically(folder / kModelCard, model_card(description));
}

void save_model_package(const fs::path& folder, const ModelDescription& description,
                        const TensorMap& weights) {
  if (fs::exists(folder) && !fs::is_empty(folder) && !fs::exists(folder / kConfig)) {
    throw Error(ErrorKind::kUsage,
                folder.string() + ": is there already and is no model directory");
  }
  const fs::path parent = fs::absolute(folder).parent_path();
  make_folder(parent);
  std::string hidden = ".";
  hidden += fs::absolute(folder).filename().string();
  const fs::path unfinished = parent / (hidden + ".unfinished");
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  make_folder(unfinished);
  try {
    write_model_description(unfinished, description);
    save_safetensors(unfinished / kWeights, weights);
    write_checksums(unfinished);
    move_into_place(unfinished, folder);
  } catch (...) {
    fs::remove_all(unfinished, ignored);
    throw;
  }
}

fs::path find_model(const fs::path& path) {
  if (!fs::exists(path)) throw Error(ErrorKind::kMissingInput, path.string() + ": does not exist");
  if (is_model_folder(path)) return path;
  if (is_model_folder(path / "model")) return path / "model";
  for (const fs::path& checkpoint : list_checkpoints(path)) {
    if (!is_model_folder(checkpoint)) continue;
    try {
      verify_checksums(checkpoint);
      return checkpoint;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kBadContent) throw;  // damaged: the one before it may be whole
    }
  }
  throw Error(ErrorKind::kMissingInput, path.string() + ": holds no model (" + kConfig + " with " +
                                            kWeights +
                                            "), no model/ and no whole checkpoint in checkpoints/");
}

namespace {

// A sum can be right of weights that went wrong before it was taken.
void check_weights(const TensorMap& weights, const fs::path& file) {
  for (const auto& [name, tensor] : weights) {
    if (!tensor.is_floating_point() && tensor.dim() > 0)  // a number alone counts for the objective
      throw Error(ErrorKind::kBadContent,
                  file.string() + ": tensor " + name + " does not hold floating-point numbers");
  }
  refuse_not_finite(weights, file, ErrorKind::kBadContent);
}

}  // namespace

ModelPackage load_model_package(const fs::path& path) {
  const fs::path folder = find_model(path);
  verify_checksums(folder, {kConfig, kWeights, kVocabulary, kPreprocess});
  ModelPackage package{folder, read_description(folder), load_safetensors(folder / kWeights),
                       sha256_file(folder / kWeights), sha256_file(folder / kPreprocess)};
  check_weights(package.weights, folder / kWeights);
  return package;
}

}  // namespace biplane
