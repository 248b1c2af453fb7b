#include "biplane/nn/vision_transformer.h"

#include <cmath>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr double kPositionStd = 0.02;  // timm's, of positions, class token and linear layers

void require(bool holds, const std::string& key, const std::string& problem) {
  if (!holds) throw Error(ErrorKind::kUsage, key + ": " + problem);
}

torch::Tensor channel_values(const std::vector<double>& values) {
  std::vector<double> three =
      values.size() == 1 ? std::vector<double>(kChannels, values[0]) : values;
  return torch::tensor(three, torch::kFloat64).to(torch::kFloat32);
}

TransformerBlockConfig block_config(const VisionTransformerConfig& config) {
  const bool clip = config.style == "clip";
  TransformerBlockConfig block;
  block.width = config.width;
  block.heads = config.heads;
  block.mlp_width = std::llround(config.mlp_ratio * static_cast<double>(config.width));
  block.activation = clip ? Activation::kQuickGelu : Activation::kGelu;
  block.layer_norm_eps = clip ? 1e-5 : 1e-6;
  return block;
}

}  // namespace

void check_config(const VisionTransformerConfig& config, const std::string& key) {
  require(config.style == "clip" || config.style == "timm", key + ".style",
          "\"" + config.style + "\" is neither clip nor timm");
  require(config.pooling == "class" || config.pooling == "mean", key + ".pooling",
          "\"" + config.pooling + "\" is neither class nor mean");
  require(config.patch >= 1, key + ".patch", std::to_string(config.patch) + " is not positive");
  require(config.width >= 1, key + ".width", std::to_string(config.width) + " is not positive");
  require(config.layers >= 1, key + ".layers", std::to_string(config.layers) + " is not positive");
  require(
      config.heads >= 1 && config.width % config.heads == 0, key + ".heads",
      std::to_string(config.heads) + " does not divide the width " + std::to_string(config.width));
  require(config.mlp_ratio * static_cast<double>(config.width) >= 1.0, key + ".mlp_ratio",
          "leaves no hidden unit");
  require(config.image_size >= config.patch && config.image_size % config.patch == 0,
          key + ".patch",
          std::to_string(config.patch) + " does not divide the image size " +
              std::to_string(config.image_size));
  if (!config.stem.empty()) {
    require(config.patch == std::int64_t{1} << config.stem.size(), key + ".stem",
            "every stage halves the sides, so a patch side of " + std::to_string(config.patch) +
                " does not go with " + std::to_string(config.stem.size()) + " stages");
    for (const std::int64_t channels : config.stem)
      require(channels >= 1, key + ".stem", std::to_string(channels) + " is not positive");
  }
  for (const auto* values : {&config.mean, &config.std}) {
    require(values->size() == 1 || values->size() == kChannels, key + ".mean and .std",
            "need one value or three");
  }
  for (const double value : config.std) require(value > 0.0, key + ".std", "must be positive");
}

VisionTransformer::VisionTransformer(const VisionTransformerConfig& config) : config_(config) {
  check_config(config, "vit");
  const bool clip = config.style == "clip";
  const double eps = block_config(config).layer_norm_eps;
  pixel_mean_ = register_buffer("pixel_mean", channel_values(config.mean));
  pixel_std_ = register_buffer("pixel_std", channel_values(config.std));
  if (config.stem.empty()) {
    patch_weight = register_parameter(
        "patch_weight", torch::zeros({config.width, kChannels, config.patch, config.patch}));
  } else {
    stem = register_module("stem", std::make_shared<ConvStem>(kChannels, config.stem));
    patch_weight =
        register_parameter("patch_weight", torch::zeros({config.width, stem->channels()}));
  }
  if (!clip || stem) patch_bias = register_parameter("patch_bias", torch::zeros({config.width}));
  class_embedding = register_parameter("class_embedding", torch::zeros({config.width}));
  positional_embedding = register_parameter("positional_embedding",
                                            torch::zeros({1 + config.patches(), config.width}));
  if (clip) ln_pre = register_module("ln_pre", std::make_shared<LayerNorm>(config.width, eps));
  blocks = register_blocks(*this, "blocks", block_config(config), config.layers);
  ln_post = register_module("ln_post", std::make_shared<LayerNorm>(config.width, eps));
}

torch::Tensor VisionTransformer::embed_with_stem(const torch::Tensor& pixels) const {
  // One plane shown three times is normalised once where its statistics are the same.
  const bool once = pixels.stride(1) == 0 && config_.mean.size() == 1 && config_.std.size() == 1;
  const std::int64_t planes = once ? 1 : kChannels;
  const torch::Tensor mean = pixel_mean_.narrow(0, 0, planes).view({1, planes, 1, 1});
  const torch::Tensor std = pixel_std_.narrow(0, 0, planes).view({1, planes, 1, 1});
  const torch::Tensor x = ((pixels.narrow(1, 0, planes) - mean) / std).expand_as(pixels);
  return at::linear(stem->forward(x).flatten(2).transpose(1, 2), patch_weight, patch_bias);
}

torch::Tensor VisionTransformer::embed_patches(const torch::Tensor& pixels) const {
  if (stem) return embed_with_stem(pixels);
  const std::int64_t side = config_.patch, rows = pixels.size(2) / side,
                     columns = pixels.size(3) / side;
  // (x - mean) / std is part of the kernel: W (x - mean) / std = (W / std) x - sum (W / std) mean.
  // Pixels are not touched.
  torch::Tensor kernel = patch_weight / pixel_std_.view({1, kChannels, 1, 1});
  torch::Tensor bias = (kernel * pixel_mean_.view({1, kChannels, 1, 1})).sum({1, 2, 3}).neg();
  if (patch_bias.defined()) bias = bias + patch_bias;
  torch::Tensor image = pixels;
  if (pixels.stride(1) ==
      0) {  // one grey plane shown three times: sum the kernel, read the plane once
    image = pixels.narrow(1, 0, 1);
    kernel = kernel.sum(1, true);
  }
  const std::int64_t channels = image.size(1);
  const torch::Tensor cut = image.reshape({image.size(0), channels, rows, side, columns, side})
                                .permute({0, 2, 4, 1, 3, 5})
                                .reshape({image.size(0), rows * columns, channels * side * side});
  return at::linear(cut, kernel.reshape({config_.width, channels * side * side}), bias);
}

torch::Tensor VisionTransformer::positions(std::int64_t rows, std::int64_t columns) const {
  const std::int64_t grid = config_.grid(), width = config_.width;
  if (rows == grid && columns == grid) return positional_embedding.unsqueeze(0);
  const torch::Tensor learned =
      positional_embedding.narrow(0, 1, grid * grid).view({1, grid, grid, width});
  const torch::Tensor resized = at::upsample_bicubic2d(learned.permute({0, 3, 1, 2}),
                                                       {rows, columns}, /*align_corners=*/false);
  return at::cat({positional_embedding.narrow(0, 0, 1).unsqueeze(0),
                  resized.permute({0, 2, 3, 1}).reshape({1, rows * columns, width})},
                 1);
}

VisionTokens VisionTransformer::forward(const torch::Tensor& pixels) const {
  TORCH_CHECK(pixels.dim() == 4 && pixels.size(1) == kChannels, "pixels must be (B,3,H,W), not ",
              pixels.sizes());
  TORCH_CHECK(pixels.size(2) >= config_.patch && pixels.size(2) % config_.patch == 0 &&
                  pixels.size(3) >= config_.patch && pixels.size(3) % config_.patch == 0,
              "image sides must be multiples of the patch side ", config_.patch, ", not ",
              pixels.sizes());
  const torch::Tensor patches = embed_patches(pixels);
  const torch::Tensor first =
      class_embedding.to(patches.scalar_type()).expand({pixels.size(0), 1, config_.width});
  torch::Tensor x = at::cat({first, patches}, 1) +
                    positions(pixels.size(2) / config_.patch, pixels.size(3) / config_.patch);
  const TokenLayout layout = TokenLayout::padded(x.size(0), x.size(1));
  x = layout.flatten(x);
  if (ln_pre) x = ln_pre->forward(x);
  for (const auto& block : blocks) x = block->forward(x, layout);
  if (config_.pooling == "mean") {
    const torch::Tensor tokens = layout.unflatten(x);
    return {tokens, ln_post->forward(tokens.narrow(1, 1, tokens.size(1) - 1).mean(1))};
  }
  const torch::Tensor tokens = layout.unflatten(ln_post->forward(x));
  return {tokens, tokens.select(1, 0)};
}

void VisionTransformer::initialise(const Initializer& init) {
  const bool clip = config_.style == "clip";
  const double width_std = 1.0 / std::sqrt(static_cast<double>(config_.width));
  const double fan_in = static_cast<double>(patch_weight[0].numel());
  if (stem) stem->initialise(init.child("stem"));
  init.uniform("patch_weight", patch_weight, 1.0 / std::sqrt(fan_in));
  init.normal("class_embedding", class_embedding, clip ? width_std : kPositionStd);
  init.normal("positional_embedding", positional_embedding, clip ? width_std : kPositionStd);
  const BlockInit std = clip ? BlockInit::clip(config_.width, config_.layers) : BlockInit{};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i]->initialise(init.child("blocks." + std::to_string(i)), std);
  }
}

}  // namespace biplane
