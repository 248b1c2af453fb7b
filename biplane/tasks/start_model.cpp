#include "biplane/tasks/start_model.h"

#include <fmt/format.h>

#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"
#include "biplane/eval/origin.h"
#include "biplane/model/checkpoint.h"
#include "biplane/model/json_config.h"
#include "biplane/model/objective_state.h"
#include "biplane/model/tower_package.h"
#include "biplane/nn/weights.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDefaultSize = 224;  // pixels, of towers without positions of their own
// Of the parts that an imported tower does not bring.
constexpr std::int64_t kSmallWidth = 32, kSmallTokens = 16, kSmallHeads = 2;

StartModel from_package(const fs::path& path) {
  ModelPackage package = load_model_package(path);
  StartModel start{run_of(path).filename().string(), package.description, {}, {}, {}};
  for (auto& [name, tensor] : package.weights) {
    if (is_model_state(name)) start.weights.emplace(name, std::move(tensor));
  }
  start.weights_sha256 = package.weights_sha256;
  return start;
}

TowerConfig small_tower(std::int64_t patch) {
  TowerConfig tower;
  tower.vit.patch = patch;
  tower.vit.width = kSmallWidth;
  tower.vit.heads = kSmallHeads;
  tower.vit.layers = 1;
  return tower;
}

// A two-view model around one tower of `role`.
ModelConfig config_around(const PublishedTower& tower, const std::string& role) {
  ModelConfig config;
  config.image_size = tower.image_size > 0 ? tower.image_size : kDefaultSize;
  config.width = kSmallWidth;
  config.max_tokens = kSmallTokens;
  TowerConfig own;
  own.kind = tower.kind;
  own.vit = tower.vit;
  own.swin = tower.swin;
  const TowerConfig other =
      small_tower(tower.kind == "vit" ? tower.vit.patch : tower.swin.stride());
  config.frontal = role == "frontal" ? own : other;
  config.lateral = role == "frontal" ? other : own;
  config.text.bert.width = kSmallWidth;
  config.text.bert.heads = kSmallHeads;
  config.text.bert.layers = 1;
  config.text.bert.max_positions = kSmallTokens;
  config.decoder.layers = config.alignment.layers = 1;
  config.decoder.heads = config.alignment.heads = kSmallHeads;
  config.prototypes.count = 2;  // the fewest there can be
  return config;
}

ModelDescription describe_around(const TowerPackage& package, const std::string& role) {
  const Vocabulary vocabulary =
      Vocabulary::from_tokens({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"});
  ModelConfig config = config_around(package.tower, role);
  config.text.bert.vocabulary = vocabulary.size();
  // As published towers are used: 256 px, of which 224 are seen.
  const PreprocessOptions image{.size = config.image_size * 8 / 7, .crop = config.image_size};
  ModelProvenance provenance;
  provenance.corpora = package.corpora;
  provenance.alignment_trained = provenance.fusion_trained = provenance.mlm_trained = false;
  provenance.absent_frontal_trained = provenance.absent_lateral_trained = false;
  provenance.frontal_trained = role == "frontal";
  provenance.lateral_trained = role == "lateral";
  return {config, image, {}, provenance, vocabulary, {}, {}};
}

// What an import left out starts at random: no encoder to stay as it is.
void note_missing(const TowerPackage& package, const FinetuneConfig& config, StartModel& start) {
  if (package.missing.empty() || config.init == "random") return;
  const std::string what = fmt::format("{}: {} parameters start at random, the first is {}",
                                       start.name, package.missing.size(), package.missing.front());
  if (config.task == "linear")
    throw Error(ErrorKind::kUsage, what + "; task = linear would leave them so");
  if (is_dense(config.task) && config.dense.encoder == "frozen")
    throw Error(ErrorKind::kUsage, what + "; dense.encoder = frozen would leave them so");
  start.notes.push_back(what);
}

StartModel from_tower(const fs::path& path, const FinetuneConfig& config) {
  const std::string& role = config.data.views;
  if (role == "both")
    throw Error(ErrorKind::kUsage, path.string() +
                                       ": is one tower; data.views = both needs a model "
                                       "of both");
  if (config.head.features == "projected")
    throw Error(ErrorKind::kUsage, path.string() +
                                       ": is a tower without a projection; "
                                       "head.features = tower or mean_patch is needed");
  const TowerPackage package = load_tower(path, role);
  StartModel start{path.filename().string(), describe_around(package, role), {}, {}, {}};
  note_missing(package, config, start);
  const MultiviewModel random(start.description.config, /*seed=*/0);
  start.weights = module_state(random);
  for (auto& [name, tensor] : start.weights) tensor = tensor.clone();
  for (const auto& [name, tensor] : package.tower.weights) {
    const auto own = start.weights.find(role + "." + name);
    if (own != start.weights.end()) own->second = tensor;
  }
  // Equal weights for all patches: a lateral tower's global feature is their mean.
  start.weights.at("lateral_adapter.pool2.weight").zero_();
  const fs::path file = path / kWeightsFile;
  std::string sums;
  for (const std::string& sum : package.sha256) sums += sum;
  start.weights_sha256 = fs::exists(file) ? sha256_file(file) : sha256_hex(sums);
  return start;
}

// Whether a path is (or holds) a model of two views and not a tower alone.
bool is_model(const fs::path& path) {
  for (const char* part : {"preprocess.json", "model", "checkpoints"}) {
    if (fs::exists(path / part)) return true;
  }
  return false;
}

}  // namespace

StartModel read_start(const fs::path& path, const FinetuneConfig& config) {
  if (!fs::exists(path)) throw Error(ErrorKind::kMissingInput, path.string() + ": does not exist");
  return is_model(path) ? from_package(path) : from_tower(path, config);
}

std::shared_ptr<MultiviewModel> make_start(const StartModel& start, const FinetuneConfig& config) {
  ModelConfig architecture = start.description.config;
  architecture.frontal.frozen = architecture.lateral.frozen = architecture.text.frozen = false;
  auto model =
      std::make_shared<MultiviewModel>(architecture, static_cast<std::uint64_t>(config.seed));
  if (config.init == "pretrained") {
    try {
      assign_weights(*model, start.weights);
    } catch (const Error& error) {
      throw Error(error.kind(), start.name + ": " + error.what());
    }
  }
  return model;
}

}  // namespace biplane
