#include "biplane/model/package.h"

#include <algorithm>
#include <string_view>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder.h"
#include "biplane/core/sha256.h"
#include "biplane/model/checkpoint.h"
#include "biplane/model/json_config.h"
#include "biplane/model/model_card.h"
#include "biplane/nn/least_parameters.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPreprocess = "preprocess.json";
constexpr const char* kPrompts = "prompts";
constexpr const char* kLexicon = "lexicon.yaml";
constexpr std::int64_t kFormat = 1;
constexpr const char* kArchitecture = "biplane-multiview";

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

bool is_model_folder(const fs::path& folder) {
  return fs::exists(folder / kConfigFile) && fs::exists(folder / kWeightsFile);
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

}  // namespace

void write_model_description(const fs::path& folder, const ModelDescription& description) {
  const ConfigFile config{kFormat, kArchitecture, description.config, description.tokenizer,
                          description.provenance};
  write_json_struct(folder / kConfigFile, config);
  write_json_struct(folder / kPreprocess, description.preprocess);
  description.vocabulary.write(folder / kVocabularyFile);
  if (!description.lexicon.empty()) write_file_atomically(folder / kLexicon, description.lexicon);
  make_folder(folder / kPrompts);
  for (const fs::path& file : description.prompts) {
    write_file_atomically(folder / kPrompts / file.filename(), read_file(file, 1 << 24));
  }
  write_file_atomically(folder / kModelCardFile, model_card(description));
}

ModelDescription read_model_description(const fs::path& folder) {
  check_json_format(folder / kConfigFile, kFormat, kArchitecture);
  const auto config = read_json_struct<ConfigFile>(folder / kConfigFile);
  try {
    check_config(config.model);
    check_masking_options(config.provenance.masking, "provenance.masking.");
  } catch (const Error& error) {
    throw Error(ErrorKind::kBadContent, (folder / kConfigFile).string() + ": " + error.what());
  }
  const Vocabulary vocabulary = Vocabulary::read(folder / kVocabularyFile);
  if (vocabulary.size() != config.model.text.bert.vocabulary) {
    throw Error(ErrorKind::kBadContent, (folder / kVocabularyFile).string() + ": has " +
                                            std::to_string(vocabulary.size()) +
                                            " tokens, the model was built for " +
                                            std::to_string(config.model.text.bert.vocabulary));
  }
  std::string lexicon;
  if (fs::exists(folder / kLexicon)) lexicon = read_file(folder / kLexicon, 1 << 24);
  return {config.model,     read_json_struct<PreprocessOptions>(folder / kPreprocess),
          config.tokenizer, config.provenance,
          vocabulary,       prompt_files(folder),
          lexicon};
}

void save_model_package(const fs::path& folder, const ModelDescription& description,
                        const TensorMap& weights) {
  const auto ours = [](const fs::path& there) { return is_folder_of(there, kArchitecture); };
  write_folder(folder, ours, [&](const fs::path& unfinished) {
    write_model_description(unfinished, description);
    save_safetensors(unfinished / kWeightsFile, weights);
    write_checksums(unfinished);
  });
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
  const auto folder =
      fs::is_directory(path) ? fs::directory_iterator(path) : fs::directory_iterator();
  for (const fs::directory_entry& entry : folder) {
    if (entry.path().filename().string().starts_with("seed-") && entry.is_directory())
      throw Error(ErrorKind::kMissingInput, path.string() +
                                                ": holds the runs of several seeds; name one of "
                                                "them, such as " +
                                                entry.path().string());
  }
  throw Error(ErrorKind::kMissingInput, path.string() + ": holds no model (" + kConfigFile +
                                            " with " + kWeightsFile +
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

double least_parameters(const ModelConfig& config) {
  const auto tower = [&](const TowerConfig& one) {
    return one.kind == "swin" ? least_parameters(one.swin)
                              : least_parameters(sized_vit(one, config.image_size));
  };
  const auto patches = [&](const TowerConfig& one) {
    const auto side = static_cast<double>(config.image_size) /
                      static_cast<double>(one.kind == "swin" ? one.swin.stride() : one.vit.patch);
    return side * side;
  };
  const auto width = static_cast<double>(config.width);
  const KeySemanticsConfig& keys = config.key_semantics;
  const double slots =
      keys.enabled ? keys.rho * keys.alpha * (patches(config.frontal) + patches(config.lateral))
                   : 0;
  constexpr double kHidden = 0.1;  // of the width, at least, are the units that make the slots
  return tower(config.frontal) + tower(config.lateral) + least_parameters(config.text.bert) +
         least_block_parameters(config.decoder.layers + config.alignment.layers, config.width, 0) +
         static_cast<double>(config.prototypes.count) * width + kHidden * width * slots;
}

}  // namespace

ModelPackage load_model_package(const fs::path& path) {
  const fs::path folder = find_model(path);
  verify_checksums(folder, {kConfigFile, kWeightsFile, kVocabularyFile, kPreprocess});
  ModelPackage package{folder, read_model_description(folder),
                       load_safetensors(folder / kWeightsFile), sha256_file(folder / kWeightsFile),
                       sha256_file(folder / kPreprocess)};
  check_weights(package.weights, folder / kWeightsFile);
  refuse_hollow(numbers_of(package.weights), least_parameters(package.description.config),
                (folder / kConfigFile).string());
  return package;
}

}  // namespace biplane
