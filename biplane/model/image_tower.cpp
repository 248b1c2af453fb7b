#include "biplane/model/image_tower.h"

namespace biplane {

ImageTower::ImageTower(const TowerConfig& config, std::int64_t image_size)
    : frozen_(config.frozen) {
  if (config.kind == "swin") {
    const std::int64_t side = image_size / config.swin.stride();
    network_ = std::make_shared<SwinTransformer>(config.swin);
    patches_ = side * side;
    return;
  }
  VisionTransformerConfig vit = config.vit;
  vit.image_size = image_size;
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

}  // namespace biplane
