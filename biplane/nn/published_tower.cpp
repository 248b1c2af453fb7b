#include "biplane/nn/published_tower.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/nn/config_check.h"
#include "biplane/nn/least_parameters.h"

namespace biplane {
namespace {

constexpr std::int64_t kUsualHeadWidth = 64;

[[noreturn]] void bad(const std::string& what) { throw Error(ErrorKind::kBadContent, what); }

std::string source_text(const MappedTensor& tensor) {
  std::string text;
  for (const std::string& name : tensor.sources) text += (text.empty() ? "" : " + ") + name;
  return text;
}

// A tensor whose shape gives sizes of the network: it must be there, of that rank, and hold
// something; `columns`: the size that its last dimension must have, 0 for any.
const torch::Tensor& shaping(const MappedTower& tower, const std::string& name, std::int64_t rank,
                             std::int64_t columns = 0) {
  const auto found = tower.tensors.find(name);
  if (found == tower.tensors.end())
    bad("a tower of " + tower.scheme + " under \"" + tower.prefix + "\" has no tensor for " + name);
  const torch::Tensor& tensor = found->second.tensor;
  if (tensor.dim() != rank || tensor.numel() == 0 || (columns > 0 && tensor.size(-1) != columns))
    bad("tensor " + source_text(found->second) + " has shape " + shape_text(tensor.sizes()) +
        ", which describes no network");
  return tensor;
}

// How many different numbers stand behind `before` in the names.
std::int64_t count_numbers(const MappedTower& tower, const std::string& before) {
  std::set<std::string> numbers;
  for (auto at = tower.tensors.lower_bound(before);
       at != tower.tensors.end() && at->first.starts_with(before); ++at)
    numbers.insert(
        at->first.substr(before.size(), at->first.find('.', before.size()) - before.size()));
  const auto count = static_cast<std::int64_t>(numbers.size());
  if (count > kMostLayers)
    bad(std::to_string(count) + " layers under \"" + tower.prefix + "\": at most " +
        std::to_string(kMostLayers) + " are read");
  return count;
}

std::int64_t heads_of(std::int64_t width, const TowerHints& hints, PublishedTower& tower) {
  if (hints.heads > 0) {
    if (width % hints.heads != 0)
      bad("config.json: " + std::to_string(hints.heads) +
          " attention heads do not divide the width " + std::to_string(width));
    return hints.heads;
  }
  const std::int64_t heads = width % kUsualHeadWidth == 0 ? width / kUsualHeadWidth : 1;
  tower.notes.push_back("the number of attention heads is not in the file; taken as width / 64 = " +
                        std::to_string(heads));
  return heads;
}

double mlp_ratio(const MappedTower& tower, const std::string& block, std::int64_t width) {
  return static_cast<double>(shaping(tower, block + "mlp.c_fc.weight", 2, width).size(0)) /
         static_cast<double>(width);
}

template <class Config>
void set_statistics(Config& config, const TowerHints& hints, bool clip, PublishedTower& tower) {
  config.mean = !hints.mean.empty() ? hints.mean : clip ? kClipMean : kImageNetMean;
  config.std = !hints.std.empty() ? hints.std : clip ? kClipStd : kImageNetStd;
  if (hints.mean.empty() || hints.std.empty())
    tower.notes.push_back(std::string("pixel statistics are not beside the file; taken as ") +
                          (clip ? "CLIP's" : "ImageNet's"));
}

// The value of the key `activation`: "style" where the weights use the style's own.
std::string activation_of(const MappedTower& mapped, const TowerHints& hints,
                          PublishedTower& tower) {
  const std::string own = mapped.style == "clip" ? "quick_gelu" : "gelu";
  if (hints.activation.empty()) {
    if (mapped.style == "clip")
      tower.notes.push_back(
          "the activation is not beside the file; taken as QuickGELU (--activation "
          "gelu for open_clip weights that were trained with GELU)");
    return "style";
  }
  if (hints.activation != "quick_gelu" && hints.activation != "gelu")
    bad("config.json: the activation \"" + hints.activation +
        "\" is not supported, only quick_gelu and gelu");
  return hints.activation == own ? "style" : hints.activation;
}

std::int64_t patch_side(const MappedTower& mapped) {
  const torch::Tensor& kernel = shaping(mapped, "patch_weight", 4);
  if (kernel.size(1) != 3 || kernel.size(2) != kernel.size(3))
    bad("patch kernels of shape " + shape_text(kernel.sizes()) +
        ": three channels and a square are needed");
  return kernel.size(2);
}

void describe_vit(const MappedTower& mapped, const TowerHints& hints, PublishedTower& tower) {
  VisionTransformerConfig& vit = tower.vit;
  vit.style = mapped.style;
  vit.activation = activation_of(mapped, hints, tower);
  vit.patch = patch_side(mapped);
  vit.width = shaping(mapped, "patch_weight", 4).size(0);
  vit.layers = count_numbers(mapped, "blocks.");
  vit.heads = heads_of(vit.width, hints, tower);
  vit.mlp_ratio = mlp_ratio(mapped, "blocks.0.", vit.width);
  if (mapped.tensors.contains("registers"))
    vit.registers = shaping(mapped, "registers", 2, vit.width).size(0);
  const std::int64_t places = shaping(mapped, "positional_embedding", 2, vit.width).size(0);
  const auto grid =
      static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(places - 1))));
  if (grid < 1 || grid * grid != places - 1)
    bad("tensor " + source_text(mapped.tensors.at("positional_embedding")) + " has " +
        std::to_string(places) + " positions, which is no square of patches and a class token");
  vit.image_size = grid * vit.patch;
  tower.image_size = vit.image_size;
  const auto norm = mapped.tensors.find("ln_post.weight");
  const bool mean_pooled =
      norm != mapped.tensors.end() && norm->second.sources[0].ends_with("fc_norm.weight");
  vit.pooling = mean_pooled ? "mean" : "class";
  set_statistics(vit, hints, mapped.style == "clip", tower);
}

void describe_swin(const MappedTower& mapped, const TowerHints& hints, PublishedTower& tower) {
  SwinTransformerConfig& swin = tower.swin;
  swin.patch = patch_side(mapped);
  swin.width = shaping(mapped, "patch_weight", 4).size(0);
  swin.depths.clear();
  swin.heads.clear();
  const std::int64_t stages = count_numbers(mapped, "stages.");
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    const std::string name = "stages." + std::to_string(stage) + ".blocks.";
    swin.depths.push_back(std::max<std::int64_t>(1, count_numbers(mapped, name)));
    const torch::Tensor& table = shaping(mapped, name + "0.relative_position_bias", 2);
    swin.heads.push_back(table.size(1));
    const auto side =
        static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(table.size(0)))));
    if (side % 2 == 0 || side * side != table.size(0))
      bad("a table of " + std::to_string(table.size(0)) +
          " relative positions belongs to no square window");
    if (stage > 0 && swin.window != (side + 1) / 2)
      bad("the tables of relative positions belong to windows of " + std::to_string(swin.window) +
          " and " + std::to_string((side + 1) / 2) + " tokens; one size is supported");
    swin.window = (side + 1) / 2;
  }
  swin.mlp_ratio = mlp_ratio(mapped, "stages.0.blocks.0.", swin.width);
  set_statistics(swin, hints, false, tower);
}

void describe_bert(const MappedTower& mapped, const TowerHints& hints, PublishedTower& tower) {
  BertConfig& bert = tower.bert;
  const torch::Tensor& words = shaping(mapped, "word_embeddings", 2);
  bert.vocabulary = words.size(0);
  bert.width = words.size(1);
  bert.layers = count_numbers(mapped, "blocks.");
  bert.heads = heads_of(bert.width, hints, tower);
  bert.mlp_ratio = mlp_ratio(mapped, "blocks.0.", bert.width);
  bert.max_positions = shaping(mapped, "position_embeddings", 2, bert.width).size(0);
  bert.token_types = shaping(mapped, "token_type_embeddings", 2, bert.width).size(0);
}

void refuse_other_arithmetic(const MappedTower& mapped, const TowerHints& hints) {
  for (const char* type :
       {"roberta", "camembert", "electra", "albert", "distilbert", "deit", "swinv2", "dinov3"}) {
    if (hints.model_type.find(type) != std::string::npos)
      bad("config.json: model_type \"" + hints.model_type + "\" has the tensors of " +
          mapped.scheme + " but computes differently; it is not supported");
  }
}

void refuse_other_blocks(const MappedTower& mapped, const TowerHints& hints) {
  if (!mapped.strangers.empty())
    bad("tensor " + mapped.strangers[0] + " does not belong to " + mapped.scheme +
        (mapped.strangers.size() > 1
             ? " and " + std::to_string(mapped.strangers.size() - 1) + " more"
             : std::string()) +
        ": the blocks are of another architecture");
  if (mapped.kind != "vit" && !hints.activation.empty() && hints.activation != "gelu")
    bad("config.json: the activation \"" + hints.activation + "\" of " + mapped.scheme +
        " is not supported, only gelu");
}

double numbers_of(const MappedTower& mapped) {
  double there = 0;
  for (const auto& [name, tensor] : mapped.tensors)
    there += static_cast<double>(tensor.tensor.numel());
  return there;
}

std::shared_ptr<torch::nn::Module> make_encoder(const PublishedTower& tower) {
  if (tower.kind == "vit") return std::make_shared<VisionTransformer>(tower.vit);
  if (tower.kind == "swin") return std::make_shared<SwinTransformer>(tower.swin);
  return std::make_shared<Bert>(tower.bert);
}

void take_weights(const MappedTower& mapped, const torch::nn::Module& network,
                  PublishedTower& tower) {
  std::set<std::string> used;
  for (const auto& item : network.named_parameters()) {
    TensorRow row{item.key(), "", shape_text(item.value().sizes()), TensorStatus::kMissing, ""};
    if (const auto found = mapped.tensors.find(item.key()); found != mapped.tensors.end()) {
      used.insert(item.key());
      const torch::Tensor& tensor = found->second.tensor;
      row.source = source_text(found->second);
      if (tensor.sizes() == item.value().sizes() && tensor.is_floating_point()) {
        row.status = TensorStatus::kLoaded;
        tower.weights.emplace(item.key(), tensor.to(torch::kFloat32).contiguous());
      } else {
        row.status = TensorStatus::kWrongShape;
        row.note = "the network needs " + row.shape + " of floating-point numbers";
        row.shape = shape_text(tensor.sizes());
      }
    }
    tower.rows.push_back(std::move(row));
  }
  for (const auto& [name, tensor] : mapped.tensors) {
    if (used.contains(name)) continue;
    TensorRow row{name, source_text(tensor), shape_text(tensor.tensor.sizes()),
                  TensorStatus::kUnexpected, ""};
    if (name == "projection.weight" && tensor.tensor.dim() == 2) {
      row.status = TensorStatus::kLoaded;
      tower.weights.emplace(name, tensor.tensor.to(torch::kFloat32).contiguous());
    }
    tower.rows.push_back(std::move(row));
  }
}

}  // namespace

double least_parameters(const PublishedTower& tower) {
  if (tower.kind == "vit") return least_parameters(tower.vit);
  return tower.kind == "swin" ? least_parameters(tower.swin) : least_parameters(tower.bert);
}

const char* status_name(TensorStatus status) {
  switch (status) {
    case TensorStatus::kLoaded:
      return "loaded";
    case TensorStatus::kMissing:
      return "missing";
    case TensorStatus::kWrongShape:
      return "wrong shape";
    case TensorStatus::kUnexpected:
      break;
  }
  return "unexpected";
}

std::map<std::string, std::vector<std::int64_t>> parameter_shapes(const PublishedTower& tower) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& item : make_encoder(tower)->named_parameters())
    shapes.emplace(item.key(), item.value().sizes().vec());
  return shapes;
}

PublishedTower build_tower(const MappedTower& mapped, const TowerHints& hints) {
  refuse_other_arithmetic(mapped, hints);
  refuse_other_blocks(mapped, hints);
  PublishedTower tower;
  tower.scheme = mapped.scheme;
  tower.prefix = mapped.prefix;
  tower.kind = mapped.kind;
  if (mapped.kind == "vit") describe_vit(mapped, hints, tower);
  if (mapped.kind == "swin") describe_swin(mapped, hints, tower);
  if (mapped.kind == "bert") describe_bert(mapped, hints, tower);
  refuse_hollow(numbers_of(mapped), least_parameters(tower),
                "the tensors under \"" + mapped.prefix + "\"");
  try {
    take_weights(mapped, *make_encoder(tower), tower);
  } catch (const Error& error) {
    bad(error.what());  // a configuration that cannot be comes from the file here
  }
  refuse_not_finite(tower.weights, mapped.prefix + "*", ErrorKind::kBadContent);
  return tower;
}

std::vector<TensorRow> unexpected_tensors(const TensorMap& source,
                                          const std::vector<MappedTower>& towers) {
  std::set<std::string> used;
  for (const MappedTower& tower : towers) {
    for (const auto& [name, tensor] : tower.tensors)
      used.insert(tensor.sources.begin(), tensor.sources.end());
  }
  std::vector<TensorRow> rows;
  for (const auto& [name, tensor] : source) {
    if (!used.contains(name))
      rows.push_back({"", name, shape_text(tensor.sizes()), TensorStatus::kUnexpected, ""});
  }
  return rows;
}

void refuse_incomplete(const PublishedTower& tower, const std::vector<std::string>& allowed,
                       const std::string& file) {
  std::string first;
  std::int64_t count = 0;
  for (const TensorRow& row : tower.rows) {
    const bool missing = row.status == TensorStatus::kMissing;
    if (!missing && row.status != TensorStatus::kWrongShape) continue;
    if (std::any_of(allowed.begin(), allowed.end(),
                    [&](const std::string& prefix) { return row.name.starts_with(prefix); }))
      continue;
    if (count++ == 0)
      first = missing ? "no tensor for " + row.name + " (" + row.shape + ")"
                      : "tensor " + row.source + " has shape " + row.shape + ", " + row.note +
                            " for " + row.name;
  }
  if (count == 0) return;
  bad(file + ": " + first +
      (count > 1 ? " and " + std::to_string(count - 1) + " more" : std::string()) +
      "; --allow-missing NAME leaves such parameters at random values");
}

}  // namespace biplane
