#include "biplane/model/config.h"

#include "biplane/core/error.h"
#include "biplane/nn/config_check.h"

namespace biplane {
namespace {

void require_one_of(const std::string& value, const std::string& key,
                    const std::vector<std::string>& allowed) {
  std::string list;
  for (const std::string& name : allowed) {
    if (name == value) return;
    list += (list.empty() ? "" : ", ") + name;
  }
  throw Error(ErrorKind::kUsage, key + ": \"" + value + "\" is none of: " + list);
}

void check_tower(const TowerConfig& tower, std::int64_t image_size, const std::string& key) {
  require_one_of(tower.kind, key + ".kind", {"vit", "swin"});
  if (tower.kind == "swin") {
    check_config(tower.swin, key + ".swin");
    // Other sizes would be filled up in between, and tokens no longer be equal parts of the image.
    require_config(image_size % tower.swin.stride() == 0, key + ".swin.patch",
                   "the image size " + std::to_string(image_size) + " is no multiple of " +
                       std::to_string(tower.swin.stride()) +
                       ", the pixels along the side of a token of the last stage");
    return;
  }
  check_config(sized_vit(tower, image_size), key + ".vit");
}

void check_text(const TextTowerConfig& text, std::int64_t max_tokens, const std::string& prefix) {
  require_one_of(text.kind, prefix + "text.kind", {"bert"});
  check_config(text.bert, prefix + "text.bert");
  require_one_of(text.pooling, prefix + "text.pooling", {"class", "mean"});
  require_config(text.block_lr > 0.0, prefix + "text.block_lr", "must be positive");
  require_config(text.dropout >= 0.0 && text.dropout < 1.0, prefix + "text.dropout",
                 "must be in [0, 1)");
  require_config(max_tokens >= 3, prefix + "max_tokens",
                 "must leave room for [CLS], a word and [SEP]");
  require_config(max_tokens <= text.bert.max_positions, prefix + "max_tokens",
                 std::to_string(max_tokens) + " is more than text.bert.max_positions " +
                     std::to_string(text.bert.max_positions));
}

bool has_class_token(const TowerConfig& tower) {
  return tower.kind == "vit" && tower.vit.pooling == "class";
}

void check_key_semantics(const ModelConfig& config, const std::string& prefix) {
  const KeySemanticsConfig& keys = config.key_semantics;
  const std::string key = prefix + "key_semantics.";
  require_config(keys.rho > 0.0 && keys.rho <= 1.0, key + "rho", "must be in (0, 1]");
  require_config(keys.alpha > 0.0 && keys.alpha < 1.0, key + "alpha", "must be in (0, 1)");
  require_config(keys.scale_init > 0.0 && keys.scale_init <= 1e6, key + "scale_init",
                 "must be above 0 and at most 1e6");
  require_one_of(keys.selection.text, key + "selection.text", {"visible", "full", "none"});
  require_one_of(keys.selection.self, key + "selection.self",
                 {"mean", "global", "attention", "none"});
  require_config(keys.selection.self != "attention" || has_class_token(config.frontal),
                 key + "selection.self",
                 "attention needs a frontal tower whose global feature is its class token");
  require_config(keys.selection.text != "none" || keys.selection.self != "none", key + "selection",
                 "text and self are both none: nothing ranks the patches");
  require_config(config.width >= 5, prefix + "width",
                 "must be 5 or more: the aggregation has floor(0.2 width) hidden units");
}

void check_decoders(const ModelConfig& config, const std::string& prefix) {
  require_one_of(config.decoder.style, prefix + "decoder.style", {"figure", "reference"});
  require_size(config.decoder.layers, prefix + "decoder.layers", kMostLayers);
  require_size(config.alignment.layers, prefix + "alignment.layers", kMostLayers);
  require_heads(config.decoder.heads, config.width, prefix + "decoder.heads");
  require_heads(config.alignment.heads, config.width, prefix + "alignment.heads");
}

}  // namespace

VisionTransformerConfig sized_vit(const TowerConfig& tower, std::int64_t image_size) {
  VisionTransformerConfig vit = tower.vit;
  vit.image_size = image_size;
  return vit;
}

void check_config(const ModelConfig& config, const std::string& prefix) {
  require_size(config.image_size, prefix + "image_size", kMostSize);
  require_size(config.width, prefix + "width", kMostSize);
  check_tower(config.frontal, config.image_size, prefix + "frontal");
  check_tower(config.lateral, config.image_size, prefix + "lateral");
  check_text(config.text, config.max_tokens, prefix);
  require_one_of(config.fusion, prefix + "fusion", {"linear", "mean"});
  check_key_semantics(config, prefix);
  check_decoders(config, prefix);
  require_config(config.prototypes.count >= 2 && config.prototypes.count <= kMostRows,
                 prefix + "prototypes.count", "must be 2 to " + std::to_string(kMostRows));
  for (const auto& [rate, name] :
       {std::pair(config.view_dropout.frontal, "view_dropout.frontal"),
        std::pair(config.view_dropout.lateral, "view_dropout.lateral")}) {
    require_config(rate >= 0.0 && rate <= 1.0, prefix + name, "is a probability, in [0, 1]");
  }
}

void check_frozen_towers(const ModelConfig& config, const ImportedWeights& imported) {
  const auto check = [&](bool frozen, bool allowed, const std::string& name) {
    if (!frozen || allowed) return;
    const std::string either = "train it, or set model." + name + ".allow_random_frozen: true";
    const auto first = [&](const std::set<std::string>& names) {
      const auto found = names.lower_bound(name + ".");
      return found != names.end() && found->starts_with(name + ".") ? *found : std::string();
    };
    const std::string missing = first(imported.missing);
    require_config(!first(imported.names).empty(), "model." + name + ".frozen",
                   "the tower has no imported weights; " + either);
    require_config(missing.empty(), "model." + name + ".frozen",
                   "the imported weights have no " + missing + "; " + either);
  };
  check(config.frontal.frozen, config.frontal.allow_random_frozen, "frontal");
  check(config.lateral.frozen, config.lateral.allow_random_frozen, "lateral");
  check(config.text.frozen, config.text.allow_random_frozen, "text");
}

}  // namespace biplane
