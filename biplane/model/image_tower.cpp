#include "biplane/model/image_tower.h"

#include <string>

#include "biplane/core/error.h"

namespace biplane {
namespace {

// (B,N,W) patches, row by row, as a map.
torch::Tensor patch_map(const VisionTokens& view, const torch::Tensor& tokens) {
  return tokens.slice(1, view.first_patch)
      .transpose(1, 2)
      .reshape({tokens.size(0), tokens.size(2), view.grid_rows, view.grid_columns});
}

// Of all layers in their order, those of a stem first.
std::vector<torch::Tensor> all_maps(const VisionTransformer& network, const torch::Tensor& pixels) {
  std::vector<torch::Tensor> tokens, maps;
  const VisionTokens view = network.forward(pixels, nullptr, &tokens, &maps);
  tokens.back() = view.tokens;
  for (const torch::Tensor& layer : tokens) maps.push_back(patch_map(view, layer));
  return maps;
}

std::vector<torch::Tensor> all_maps(const SwinTransformer& network, const torch::Tensor& pixels) {
  std::vector<torch::Tensor> maps;
  network.forward(pixels, nullptr, &maps);
  return maps;
}

}  // namespace

ImageTower::ImageTower(const TowerConfig& config, std::int64_t image_size)
    : frozen_(config.frozen) {
  if (config.kind == "swin") {
    const std::int64_t side = image_size / config.swin.stride();
    network_ = std::make_shared<SwinTransformer>(config.swin);
    patches_ = side * side;
    return;
  }
  const VisionTransformerConfig vit = sized_vit(config, image_size);
  network_ = std::make_shared<VisionTransformer>(vit);
  patches_ = vit.patches();
}

VisionTokens ImageTower::forward(const torch::Tensor& pixels,
                                 torch::Tensor* global_attention) const {
  const torch::AutoGradMode gradients(at::GradMode::is_enabled() && !frozen_);
  const auto* vit = std::get_if<std::shared_ptr<VisionTransformer>>(&network_);
  if (global_attention != nullptr && vit != nullptr && (*vit)->config().pooling == "class")
    return (*vit)->forward(pixels, global_attention);
  return std::visit([&](const auto& network) { return network->forward(pixels); }, network_);
}

std::vector<torch::Tensor> ImageTower::maps(const torch::Tensor& pixels,
                                            const std::vector<std::int64_t>& layers) const {
  const torch::AutoGradMode gradients(at::GradMode::is_enabled() && !frozen_);
  const std::vector<torch::Tensor> all =
      std::visit([&](const auto& network) { return all_maps(*network, pixels); }, network_);
  const auto* vit = std::get_if<std::shared_ptr<VisionTransformer>>(&network_);
  const std::int64_t of_stem = vit == nullptr ? 0 : std::ssize((*vit)->config().stem);
  std::vector<torch::Tensor> chosen;
  for (const std::int64_t layer : layers)
    chosen.push_back(all.at(static_cast<std::size_t>(of_stem + layer - 1)));
  return chosen;
}

void ImageTower::initialise(const Initializer& init) {
  std::visit([&](const auto& network) { network->initialise(init); }, network_);
}

std::shared_ptr<torch::nn::Module> ImageTower::module() const {
  return std::visit(
      [](const auto& network) -> std::shared_ptr<torch::nn::Module> { return network; }, network_);
}

std::int64_t ImageTower::width() const {
  return std::visit([](const auto& network) { return network->ln_post->weight.size(0); }, network_);
}

std::int64_t layer_count(const TowerConfig& config) {
  return config.kind == "swin" ? static_cast<std::int64_t>(config.swin.depths.size())
                               : config.vit.layers;
}

std::int64_t stem_stages(const TowerConfig& config) {
  return config.kind == "swin" ? 0 : std::ssize(config.vit.stem);
}

MapShape map_shape(const TowerConfig& config, std::int64_t layer) {
  const std::int64_t count = layer_count(config), of_stem = stem_stages(config);
  if (layer < 1 - of_stem || layer > count)
    throw Error(
        ErrorKind::kUsage,
        "layer " + std::to_string(layer) + " of a tower of " + std::to_string(count) +
            (config.kind == "swin" ? " stages" : " blocks") +
            (of_stem > 0 ? " and " + std::to_string(of_stem) + " stages of a stem, 0 and below"
                         : ""));
  if (layer < 1)
    return {config.vit.stem[static_cast<std::size_t>(of_stem - 1 + layer)],
            config.vit.patch >> -layer};
  if (config.kind != "swin") return {config.vit.width, config.vit.patch};
  return {config.swin.width << (layer - 1), config.swin.patch << (layer - 1)};
}

}  // namespace biplane
