#include "biplane/tasks/layer_decay.h"

#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>

#include "biplane/model/multiview_model.h"

namespace biplane {
namespace {

// The number behind `key` in a name: 3 for "blocks." in "frontal.blocks.3.ln_1.weight".
std::optional<std::int64_t> number_after(const std::string& name, std::string_view key) {
  const std::size_t found = name.find(key);
  if (found == std::string::npos) return std::nullopt;
  return std::stoll(name.substr(found + key.size()));
}

std::int64_t blocks_of(const TowerConfig& tower) {
  const auto& depths = tower.swin.depths;
  return tower.kind == "swin" ? std::accumulate(depths.begin(), depths.end(), std::int64_t{0})
                              : tower.vit.layers;
}

const TowerConfig& tower_config(const std::string& name, const ModelConfig& config) {
  return name.starts_with("lateral") ? config.lateral : config.frontal;
}

}  // namespace

std::int64_t layer_depth(const std::string& name, const ModelConfig& config) {
  const TowerConfig& tower = tower_config(name, config);
  const bool inside = !tower_of(name).empty() && name.find(".ln_post.") == std::string::npos;
  if (!inside) return blocks_of(tower) + 1;
  const auto block = number_after(name, ".blocks."), stage = number_after(name, ".stages.");
  const auto before = [&](std::int64_t stages) {
    const auto& depths = tower.swin.depths;
    return std::accumulate(depths.begin(), depths.begin() + stages, std::int64_t{0});
  };
  if (stage) return block ? before(*stage) + *block + 1 : before(*stage + 1);
  return block ? *block + 1 : 0;
}

double layer_rate(const std::string& name, const ModelConfig& config, double decay) {
  const std::int64_t above = blocks_of(tower_config(name, config)) + 1 - layer_depth(name, config);
  return std::pow(decay, static_cast<double>(above));
}

}  // namespace biplane
