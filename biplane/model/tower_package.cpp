#include "biplane/model/tower_package.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/folder.h"
#include "biplane/core/sha256.h"
#include "biplane/formats/weight_file.h"
#include "biplane/model/json_config.h"
#include "biplane/nn/tensor_file.h"
#include "biplane/nn/weights.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kVocabulary = "vocab.txt";
constexpr std::int64_t kFormat = 1;
constexpr const char* kArchitecture = "biplane-tower";

// config.json of a tower folder.
struct TowerFile {
  std::int64_t format = kFormat;
  std::string architecture = kArchitecture;
  std::string kind, role, scheme, source, container;
  std::vector<std::string> sha256, corpora, missing;
  VisionTransformerConfig vit;
  SwinTransformerConfig swin;
  BertConfig bert;
  std::int64_t image_size = 0;

  template <class V>
  void visit(V& v) {
    v.field("format", format);
    v.field("architecture", architecture);
    v.field("kind", kind);
    v.field("role", role);
    v.field("scheme", scheme);
    v.field("source", source);
    v.field("container", container);
    v.field("sha256", sha256);
    v.field("corpora", corpora);
    v.field("missing", missing);
    v.field("image_size", image_size);
    if (kind == "vit") v.field("vit", vit);
    if (kind == "swin") v.field("swin", swin);
    if (kind == "bert") v.field("bert", bert);
  }
};

using Json = nlohmann::json;

// A JSON file beside the weights; null where there is none or it is not JSON: it is a hint only.
Json read_hint(const fs::path& file) {
  std::error_code none;
  if (!fs::is_regular_file(file, none)) return nullptr;
  return Json::parse(read_file(file, kMaxJsonConfig), nullptr, /*allow_exceptions=*/false);
}

// The value of the first path of keys ("vision_config/num_attention_heads") that is there.
Json find_value(const Json& json, std::initializer_list<const char*> paths) {
  for (const char* path : paths) {
    const Json::json_pointer pointer(fmt::format("/{}", path));
    if (json.is_object() && json.contains(pointer)) return json.at(pointer);
  }
  return nullptr;
}

std::vector<double> numbers(const Json& json) {
  std::vector<double> values;
  if (!json.is_array()) return values;
  for (const Json& value : json) {
    if (value.is_number()) values.push_back(value.get<double>());
  }
  return values;
}

// What transformers and open_clip write beside their weights.
TowerHints hints_beside(const fs::path& folder, bool text) {
  const Json config = read_hint(folder / kConfig);
  const Json preprocessor = read_hint(folder / "preprocessor_config.json");
  const Json open_clip = read_hint(folder / "open_clip_config.json");
  TowerHints hints;
  if (const Json type = find_value(config, {"model_type"}); type.is_string())
    hints.model_type = type.get<std::string>();
  const Json heads =
      text ? find_value(config, {"text_config/num_attention_heads", "num_attention_heads"})
           : find_value(config, {"vision_config/num_attention_heads", "num_attention_heads"});
  if (heads.is_number_integer()) hints.heads = heads.get<std::int64_t>();
  hints.mean = numbers(find_value(preprocessor, {"image_mean"}));
  hints.std = numbers(find_value(preprocessor, {"image_std"}));
  if (hints.mean.empty()) hints.mean = numbers(find_value(open_clip, {"preprocess_cfg/mean"}));
  if (hints.std.empty()) hints.std = numbers(find_value(open_clip, {"preprocess_cfg/std"}));
  return hints;
}

TowerHints combined(TowerHints beside, const TowerHints& given) {
  if (!given.model_type.empty()) beside.model_type = given.model_type;
  if (given.heads > 0) beside.heads = given.heads;
  if (!given.mean.empty()) beside.mean = given.mean;
  if (!given.std.empty()) beside.std = given.std;
  return beside;
}

// Towers of checkpoints with two views are told apart by what their names start with.
std::string role_of(const MappedTower& tower, std::size_t vision_towers) {
  if (tower.kind == "bert") return "text";
  if (vision_towers < 2) return "vision";
  return tower.prefix.find("lateral") == std::string::npos ? "frontal" : "lateral";
}

std::string known_schemes() {
  return "CLIP, ViT of timm or MAE, DINOv2, Swin or BERT";
}

std::vector<MappedTower> wanted_towers(const TensorMap& tensors, const fs::path& source,
                                       const std::string& prefix) {
  std::vector<MappedTower> towers = map_towers(tensors);
  if (towers.empty())
    throw Error(ErrorKind::kBadContent, source.string() + ": none of its " +
                                            std::to_string(tensors.size()) +
                                            " tensors has a name of " + known_schemes());
  if (prefix.empty()) return towers;
  std::string there;
  for (const MappedTower& tower : towers) there += fmt::format(" \"{}\"", tower.prefix);
  std::erase_if(towers, [&](const MappedTower& tower) { return tower.prefix != prefix; });
  if (towers.empty())
    throw Error(ErrorKind::kUsage, "--tower " + prefix + ": " + source.string() +
                                       " has towers under:" + there);
  return towers;
}

bool fits_role(const TowerPackage& package, const std::string& role) {
  if ((package.tower.kind == "bert") != (role == "text")) return false;
  return package.role == "vision" || package.role == role;
}

TowerPackage read_tower_folder(const fs::path& folder) {
  verify_checksums(folder, {kConfig, kWeights});
  check_json_format(folder / kConfig, kFormat, kArchitecture);
  const auto file = read_json_struct<TowerFile>(folder / kConfig);
  TowerPackage package;
  package.source = folder.string();
  package.container = file.container;
  package.sha256 = file.sha256;
  package.corpora = file.corpora;
  package.missing = file.missing;
  package.role = file.role;
  package.tower.scheme = file.scheme;
  package.tower.kind = file.kind;
  package.tower.vit = file.vit;
  package.tower.swin = file.swin;
  package.tower.bert = file.bert;
  package.tower.vit.image_size = package.tower.image_size = file.image_size;
  package.tower.weights = load_safetensors(folder / kWeights);
  refuse_not_finite(package.tower.weights, folder / kWeights, ErrorKind::kBadContent);
  if (fs::exists(folder / kVocabulary)) package.vocabulary = folder / kVocabulary;
  return package;
}

bool is_tower_folder(const fs::path& path) {
  const Json config = read_hint(path / kConfig);
  return config.is_object() && config.value("architecture", Json()) == kArchitecture;
}

}  // namespace

ImportResult import_towers(const fs::path& source, const ImportOptions& options) {
  const WeightFile file = WeightFile::open(source);
  const TensorMap tensors = load_tensors(file);
  const std::vector<MappedTower> mapped = wanted_towers(tensors, source, options.prefix);
  const auto vision = static_cast<std::size_t>(std::count_if(
      mapped.begin(), mapped.end(), [](const auto& tower) { return tower.kind != "bert"; }));
  const fs::path folder = fs::is_directory(source) ? source : source.parent_path();
  std::vector<std::string> sums;
  for (const fs::path& part : file.files()) sums.push_back(sha256_file(part));
  ImportResult result;
  result.unexpected = unexpected_tensors(tensors, mapped);
  for (const MappedTower& tower : mapped) {
    TowerPackage package;
    const bool text = tower.kind == "bert";
    try {
      package.tower = build_tower(tower, combined(hints_beside(folder, text), options.hints));
    } catch (const Error& error) {
      throw Error(error.kind(), source.string() + ": " + error.what());
    }
    for (const TensorRow& row : package.tower.rows) {
      if (row.status == TensorStatus::kMissing || row.status == TensorStatus::kWrongShape)
        package.missing.push_back(row.name);
    }
    package.source = source.string();
    package.container = file.container();
    package.sha256 = sums;
    package.corpora = options.corpora;
    package.role = role_of(tower, vision);
    if (text && fs::exists(folder / kVocabulary)) package.vocabulary = folder / kVocabulary;
    result.towers.push_back(std::move(package));
  }
  return result;
}

void refuse_incomplete(const ImportResult& result, const std::vector<std::string>& allowed) {
  for (const TowerPackage& package : result.towers)
    refuse_incomplete(package.tower, allowed, package.source);
}

void save_tower_package(const fs::path& folder, const TowerPackage& package) {
  TowerFile file;
  file.kind = package.tower.kind;
  file.role = package.role;
  file.scheme = package.tower.scheme;
  file.source = fs::path(package.source).filename().string();  // no paths of another machine
  file.container = package.container;
  file.sha256 = package.sha256;
  file.corpora = package.corpora;
  file.missing = package.missing;
  file.vit = package.tower.vit;
  file.swin = package.tower.swin;
  file.bert = package.tower.bert;
  file.image_size = package.tower.image_size;
  write_folder(folder, kConfig, [&](const fs::path& unfinished) {
    write_json_struct(unfinished / kConfig, file);
    save_safetensors(unfinished / kWeights, package.tower.weights);
    if (!package.vocabulary.empty())
      write_file_atomically(unfinished / kVocabulary, read_file(package.vocabulary));
    write_checksums(unfinished);
  });
}

TowerPackage load_tower(const fs::path& path, const std::string& role) {
  if (is_tower_folder(path)) {
    TowerPackage package = read_tower_folder(path);
    if (!fits_role(package, role))
      throw Error(ErrorKind::kUsage, path.string() + ": holds a " + package.role + " tower (" +
                                         package.tower.kind + "), not one for " + role);
    return package;
  }
  ImportResult imported = import_towers(path, {});
  refuse_incomplete(imported, {});
  std::erase_if(imported.towers, [&](const auto& tower) { return !fits_role(tower, role); });
  if (imported.towers.size() == 1) return std::move(imported.towers.front());
  throw Error(ErrorKind::kUsage, path.string() + ": holds " +
                                     std::to_string(imported.towers.size()) + " towers for " +
                                     role + "; biplane import --tower PREFIX takes one of them");
}

torch::Tensor resample_positions(const PublishedTower& tower, std::int64_t image_size) {
  const torch::NoGradGuard no_grad;
  VisionTransformer encoder(tower.vit);
  encoder.positional_embedding.copy_(tower.weights.at("positional_embedding"));
  const std::int64_t grid = image_size / tower.vit.patch;
  return encoder.positions(grid, grid).squeeze(0).contiguous();
}

}  // namespace biplane
