#include "biplane/train/initial_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/model/checkpoint.h"
#include "biplane/model/objective_state.h"
#include "biplane/model/package.h"
#include "biplane/model/tower_package.h"
#include "biplane/nn/weights.h"
#include "biplane/train/config_keys.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using Keys = std::map<std::string, std::string>;

// In a checkpoint: names of the parameters that init.* gave, a line each.
constexpr const char* kImported = "imported.txt";

// Keys of the model that say how it is trained or how random weights start, not what it is.
bool is_of_training(const std::string& key) {
  for (const char* end : {"frozen", "block_lr", "init_std", "local_start", "dropout"}) {
    if (key.ends_with(end)) return true;
  }
  return key.starts_with("view_dropout.");
}

// Throws where a key of `here` that `ignored` does not take has another value in `there`.
void check_same_keys(const Keys& here, const Keys& there, const std::string& init,
                     const std::string& section,
                     const std::function<bool(const std::string&)>& ignored) {
  for (const auto& [key, value] : here) {
    const auto found = there.find(key);
    if (ignored(key) || (found != there.end() && found->second == value)) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("{}: another architecture: {}.{} is {} there and {} here", init,
                            section, key, found == there.end() ? "not set" : found->second, value));
  }
}

InitialWeights whole_model(PretrainConfig& config) {
  const ModelPackage package = load_model_package(config.init.model);
  check_same_keys(config_keys(config.model), config_keys(package.description.config),
                  "init.model = " + config.init.model, "model", [](const std::string& key) {
                    return is_of_training(key) || key == "text.bert.vocabulary";
                  });
  if (config.data.vocabulary.empty())
    config.data.vocabulary = (package.folder / "vocab.txt").string();
  InitialWeights initial;
  initial.weights = package.weights;
  std::erase_if(initial.weights,
                [](const auto& item) { return item.first.starts_with(kLabelHead); });
  initial.corpora = package.description.provenance.corpora;
  return initial;
}

// One init.frontal, init.lateral or init.text on its way into a model.
class TowerStart {
 public:
  TowerStart(const PretrainConfig& config, std::string role, const std::string& path)
      : config_(config),
        role_(std::move(role)),
        init_("init." + role_ + " = " + path),
        package_(load_tower(path, role_)) {}

  const TowerPackage& package() const { return package_; }

  void add_to(InitialWeights& initial) const {
    check_architecture();
    for (const auto& [name, tensor] : package_.tower.weights) {
      if (name != "projection.weight") initial.weights.emplace(role_ + "." + name, tensor);
    }
    if (package_.tower.kind == "vit") resample(initial);
    const std::string projection = add_projection(initial);
    initial.notes.push_back(fmt::format("{}: {}, {} tensors{}", init_, package_.tower.scheme,
                                        package_.tower.weights.size(), projection));
    add_missing(initial);
    for (const std::string& note : package_.tower.notes)
      initial.notes.push_back(init_ + ": " + note);
    for (const std::string& corpus : package_.corpora) {
      if (std::find(initial.corpora.begin(), initial.corpora.end(), corpus) ==
          initial.corpora.end())
        initial.corpora.push_back(corpus);
    }
  }

 private:
  const TowerConfig& tower_config() const {
    return role_ == "frontal" ? config_.model.frontal : config_.model.lateral;
  }

  void check_architecture() const {
    const std::string section = "model." + role_;
    const PublishedTower& tower = package_.tower;
    const std::string kind = role_ == "text" ? config_.model.text.kind : tower_config().kind;
    if (kind != tower.kind)
      throw Error(ErrorKind::kUsage, fmt::format("{}: another architecture: {}.kind is {} there "
                                                 "and {} here",
                                                 init_, section, tower.kind, kind));
    const auto ignored = [](const std::string& key) {
      return is_of_training(key) || key == "vocabulary";  // set when the vocabulary is read
    };
    if (kind == "bert")
      check_same_keys(config_keys(config_.model.text.bert), config_keys(tower.bert), init_,
                      section + ".bert", ignored);
    if (kind == "vit")
      check_same_keys(config_keys(tower_config().vit), config_keys(tower.vit), init_,
                      section + ".vit", ignored);
    if (kind == "swin")
      check_same_keys(config_keys(tower_config().swin), config_keys(tower.swin), init_,
                      section + ".swin", ignored);
  }

  void resample(InitialWeights& initial) const {
    const std::int64_t size = config_.model.image_size;
    const auto positions = initial.weights.find(role_ + ".positional_embedding");
    if (positions == initial.weights.end() || size == package_.tower.image_size) return;
    const std::int64_t grid = size / package_.tower.vit.patch;
    positions->second = resample_positions(positions->second, grid, grid).squeeze(0);
    initial.notes.push_back(fmt::format("{}: positions resampled from {} to {} px", init_,
                                        package_.tower.image_size, size));
  }

  void add_missing(InitialWeights& initial) const {
    if (package_.missing.empty()) return;
    for (const std::string& name : package_.missing)
      initial.imported.missing.insert(role_ + "." + name);
    initial.notes.push_back(fmt::format("{}: {} parameters start at random, the first is {}", init_,
                                        package_.missing.size(), package_.missing.front()));
  }

  // The lateral has an adapter instead of a projection.
  std::string add_projection(InitialWeights& initial) const {
    const auto found = package_.tower.weights.find("projection.weight");
    if (role_ == "lateral" || found == package_.tower.weights.end()) return "";
    if (found->second.size(0) != config_.model.width)
      return fmt::format("; its projection to {} numbers is left out (model.width = {})",
                         found->second.size(0), config_.model.width);
    initial.weights.emplace(role_ + "_projection.weight", found->second);
    return " with its projection";
  }

  const PretrainConfig& config_;
  std::string role_, init_;
  TowerPackage package_;
};

}  // namespace

InitialWeights read_initial_weights(PretrainConfig& config) {
  const InitConfig& init = config.init;
  InitialWeights initial;
  if (!init.model.empty()) initial = whole_model(config);
  if (!init.frontal.empty()) TowerStart(config, "frontal", init.frontal).add_to(initial);
  if (!init.lateral.empty()) TowerStart(config, "lateral", init.lateral).add_to(initial);
  if (!init.text.empty()) {
    const TowerStart text(config, "text", init.text);
    text.add_to(initial);
    if (config.data.vocabulary.empty()) {
      if (text.package().vocabulary.empty())
        throw Error(ErrorKind::kUsage,
                    "init.text = " + init.text +
                        ": no vocab.txt beside the weights: set data.vocabulary to theirs");
      config.data.vocabulary = text.package().vocabulary.string();
    }
  }
  for (const auto& item : initial.weights) initial.imported.names.insert(item.first);
  return initial;
}

void write_kept_start(const fs::path& checkpoint, const InitialWeights& initial) {
  std::string lines;
  for (const std::string& name : initial.imported.names) lines += name + '\n';
  write_file_atomically(checkpoint / kImported, lines);
}

std::optional<KeptStart> read_kept_start(const fs::path& run) {
  for (const fs::path& checkpoint : list_checkpoints(run)) {
    if (!fs::exists(checkpoint / kImported)) continue;
    KeptStart kept;
    try {
      verify_checksums(checkpoint, {kImported});
      kept.initial.corpora = read_model_description(checkpoint).provenance.corpora;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kBadContent && error.kind() != ErrorKind::kMissingInput) throw;
      continue;  // damaged: the one before it may be whole
    }
    if (!kept.initial.corpora.empty()) kept.initial.corpora.pop_back();  // the run's own
    std::istringstream lines(read_file(checkpoint / kImported));
    for (std::string name; std::getline(lines, name);) kept.initial.imported.names.insert(name);
    kept.initial.notes.push_back("init.* is not read: the run goes on from " +
                                 checkpoint.filename().string());
    kept.vocabulary = checkpoint / "vocab.txt";
    return kept;
  }
  return std::nullopt;
}

void check_vocabulary(const InitialWeights& initial, const PretrainConfig& config) {
  const auto words = initial.weights.find("text.word_embeddings");
  const std::int64_t tokens = config.model.text.bert.vocabulary;
  if (words == initial.weights.end() || words->second.size(0) == tokens) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("{}: the initial weights have embeddings of {} tokens, the vocabulary {} "
                          "has {}",
                          config.init.model.empty() ? "init.text = " + config.init.text
                                                    : "init.model = " + config.init.model,
                          words->second.size(0), config.data.vocabulary, tokens));
}

void load_initial_weights(Objective& objective, const InitialWeights& initial) {
  if (initial.weights.empty()) return;
  TensorMap all = module_state(objective.module());
  for (const auto& [name, tensor] : initial.weights) all.insert_or_assign(name, tensor);
  assign_weights(objective.module(), all);
}

}  // namespace biplane
