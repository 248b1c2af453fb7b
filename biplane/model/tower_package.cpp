#include "biplane/model/tower_package.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/folder.h"
#include "biplane/core/sha256.h"
#include "biplane/formats/guarded_json.h"
#include "biplane/formats/weight_file.h"
#include "biplane/model/json_config.h"
#include "biplane/nn/least_parameters.h"
#include "biplane/nn/tensor_file.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

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

// A JSON file beside the weights; null where there is none. Throws Error kBadContent naming it
// where it is damaged: what it says decides how the weights compute.
Json read_hint(const fs::path& file) {
  std::error_code none;
  if (!fs::is_regular_file(file, none)) return nullptr;
  return parse_guarded_json(read_file(file, kMaxJsonConfig), "it", [&](const std::string& why) {
    throw Error(ErrorKind::kBadContent, file.string() + ": " + why);
  });
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
  const Json config = read_hint(folder / kConfigFile);
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
  const Json activation = text ? find_value(config, {"text_config/hidden_act", "hidden_act"})
                               : find_value(config, {"vision_config/hidden_act", "hidden_act"});
  if (activation.is_string()) hints.activation = activation.get<std::string>();
  // open_clip's models use GELU unless they say otherwise.
  if (!text && hints.activation.empty() && !find_value(open_clip, {"model_cfg"}).is_null()) {
    const Json quick = find_value(open_clip, {"model_cfg/quick_gelu"});
    hints.activation = quick.is_boolean() && quick.get<bool>() ? "quick_gelu" : "gelu";
  }
  if (hints.mean.empty()) hints.mean = numbers(find_value(open_clip, {"preprocess_cfg/mean"}));
  if (hints.std.empty()) hints.std = numbers(find_value(open_clip, {"preprocess_cfg/std"}));
  return hints;
}

TowerHints combined(TowerHints beside, const TowerHints& given) {
  if (!given.model_type.empty()) beside.model_type = given.model_type;
  if (given.heads > 0) beside.heads = given.heads;
  if (!given.activation.empty()) beside.activation = given.activation;
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

// The towers under the prefix; all where it is empty.
std::vector<MappedTower> chosen_towers(std::vector<MappedTower> towers, const fs::path& source,
                                       const std::string& prefix) {
  if (towers.empty())
    throw Error(ErrorKind::kBadContent, source.string() +
                                            ": none of its tensors has a name of CLIP, ViT of timm "
                                            "or MAE, DINOv2, Swin or BERT");
  if (prefix.empty()) return towers;
  std::string there;
  for (const MappedTower& tower : towers) there += fmt::format(" \"{}\"", tower.prefix);
  std::erase_if(towers, [&](const MappedTower& tower) { return tower.prefix != prefix; });
  if (towers.empty())
    throw Error(ErrorKind::kUsage,
                "--tower " + prefix + ": " + source.string() + " has towers under:" + there);
  return towers;
}

bool fits_role(const TowerPackage& package, const std::string& role) {
  if ((package.tower.kind == "bert") != (role == "text")) return false;
  return package.role == "vision" || package.role == role;
}

// Throws where the weights of a tower folder are not those that its config.json describes.
void check_tower_weights(const TowerPackage& package, const fs::path& file) {
  const auto shapes = parameter_shapes(package.tower);
  for (const auto& [name, tensor] : package.tower.weights) {
    const auto found = shapes.find(name);
    const bool projection = name == "projection.weight" && tensor.dim() == 2;
    if (!projection && (found == shapes.end() || tensor.sizes() != found->second ||
                        tensor.scalar_type() != torch::kFloat32))
      throw Error(ErrorKind::kBadContent,
                  fmt::format("{}: tensor {} ({}) does not belong to the "
                              "tower that config.json describes",
                              file.string(), name, shape_text(tensor.sizes())));
  }
  for (const auto& [name, shape] : shapes) {
    const bool known =
        std::find(package.missing.begin(), package.missing.end(), name) != package.missing.end();
    if (!known && !package.tower.weights.contains(name))
      throw Error(ErrorKind::kBadContent, file.string() + ": has no tensor " + name);
  }
}

TowerPackage read_tower_folder(const fs::path& folder) {
  verify_checksums(folder, {kConfigFile, kWeightsFile});
  check_json_format(folder / kConfigFile, kFormat, kArchitecture);
  const auto file = read_json_struct<TowerFile>(folder / kConfigFile);
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
  package.tower.weights = load_safetensors(folder / kWeightsFile);
  refuse_not_finite(package.tower.weights, folder / kWeightsFile, ErrorKind::kBadContent);
  refuse_hollow(numbers_of(package.tower.weights), least_parameters(package.tower),
                (folder / kConfigFile).string());
  check_tower_weights(package, folder / kWeightsFile);
  if (fs::exists(folder / kVocabularyFile)) package.vocabulary = folder / kVocabularyFile;
  return package;
}

bool is_tower_folder(const fs::path& path) { return is_folder_of(path, kArchitecture); }

// What LibTorch or a configuration refuses about a file is damage of that file.
template <class Body>
auto as_content_of(const fs::path& file, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    const bool named = std::string_view(error.what()).find(file.string()) != std::string_view::npos;
    const ErrorKind kind =
        error.kind() == ErrorKind::kUsage ? ErrorKind::kBadContent : error.kind();
    throw Error(kind, named ? error.what() : file.string() + ": " + error.what());
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kBadContent, file.string() + ": " + error.what_without_backtrace());
  }
}

}  // namespace

ImportResult import_towers(const fs::path& source, const ImportOptions& options) {
  const WeightFile file = WeightFile::open(source);
  const TensorMap tensors = load_tensors(file);
  const std::vector<MappedTower> mapped = chosen_towers(
      as_content_of(source, [&] { return map_towers(tensors); }), source, options.prefix);
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
    const TowerHints hints = combined(hints_beside(folder, text), options.hints);
    package.tower = as_content_of(source, [&] { return build_tower(tower, hints); });
    for (const TensorRow& row : package.tower.rows) {
      if (row.status == TensorStatus::kMissing || row.status == TensorStatus::kWrongShape)
        package.missing.push_back(row.name);
    }
    package.source = source.string();
    package.container = file.container();
    package.sha256 = sums;
    package.corpora = options.corpora;
    package.role = role_of(tower, vision);
    if (text && fs::exists(folder / kVocabularyFile)) package.vocabulary = folder / kVocabularyFile;
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
  write_folder(folder, is_tower_folder, [&](const fs::path& unfinished) {
    write_json_struct(unfinished / kConfigFile, file);
    save_safetensors(unfinished / kWeightsFile, package.tower.weights);
    if (!package.vocabulary.empty())
      write_file_atomically(unfinished / kVocabularyFile, read_file(package.vocabulary));
    write_checksums(unfinished);
  });
}

TowerPackage load_tower(const fs::path& path, const std::string& role) {
  if (is_tower_folder(path)) {
    TowerPackage package = as_content_of(path, [&] { return read_tower_folder(path); });
    if (!fits_role(package, role))
      throw Error(ErrorKind::kUsage, path.string() + ": holds a " + package.role + " tower (" +
                                         package.tower.kind + "), not one for " + role);
    return package;
  }
  ImportResult imported = import_towers(path, {});
  std::erase_if(imported.towers, [&](const auto& tower) { return !fits_role(tower, role); });
  refuse_incomplete(imported, {});
  if (imported.towers.size() == 1) return std::move(imported.towers.front());
  throw Error(ErrorKind::kUsage, path.string() + ": holds " +
                                     std::to_string(imported.towers.size()) + " towers for " +
                                     role + "; biplane import --tower PREFIX takes one of them");
}

}  // namespace biplane
