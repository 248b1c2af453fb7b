#include "biplane/nn/vision_transformer.h"

#include <cmath>

#include "biplane/nn/config_check.h"

namespace biplane {
namespace {

constexpr double kPositionStd = 0.02;  // timm's, of positions, class token and linear layers
constexpr double kRegisterStd = 1e-6;  // DINOv2's

TransformerBlockConfig block_config(const VisionTransformerConfig& config) {
  const bool clip = config.style == "clip";
  TransformerBlockConfig block;
  block.width = config.width;
  block.heads = config.heads;
  block.mlp_width = std::llround(config.mlp_ratio * static_cast<double>(config.width));
  const bool quick = config.activation == "style" ? clip : config.activation == "quick_gelu";
  block.activation = quick ? Activation::kQuickGelu : Activation::kGelu;
  block.layer_norm_eps = clip ? 1e-5 : 1e-6;
  block.layer_scale = config.style == "dinov2";
  return block;
}

}  // namespace

void check_config(const VisionTransformerConfig& config, const std::string& key) {
  require_config(config.style == "clip" || config.style == "timm" || config.style == "dinov2",
                 key + ".style", "\"" + config.style + "\" is none of: clip, timm, dinov2");
  require_config(config.activation == "style" || config.activation == "quick_gelu" ||
                     config.activation == "gelu",
                 key + ".activation",
                 "\"" + config.activation + "\" is none of: style, quick_gelu, gelu");
  if (config.registers != 0) {
    require_size(config.registers, key + ".registers", kMostSize);
    require_config(config.style == "dinov2", key + ".registers",
                   std::to_string(config.registers) + " must be 0, or more with style dinov2");
  }
  require_config(config.pooling == "class" || config.pooling == "mean", key + ".pooling",
                 "\"" + config.pooling + "\" is neither class nor mean");
  require_size(config.patch, key + ".patch", kMostSize);
  require_size(config.width, key + ".width", kMostSize);
  require_size(config.layers, key + ".layers", kMostLayers);
  require_heads(config.heads, config.width, key + ".heads");
  require_mlp(config.mlp_ratio, config.width, key + ".mlp_ratio");
  require_config(config.image_size >= config.patch && config.image_size % config.patch == 0,
                 key + ".patch",
                 std::to_string(config.patch) + " does not divide the image size " +
                     std::to_string(config.image_size));
  if (!config.stem.empty()) {
    constexpr std::size_t kMostStages = 16;  // of patches of kMostSize
    require_config(config.stem.size() <= kMostStages, key + ".stem", "has more than 16 stages");
    require_config(config.patch == std::int64_t{1} << config.stem.size(), key + ".stem",
                   "every stage halves the sides, so a patch side of " +
                       std::to_string(config.patch) + " does not go with " +
                       std::to_string(config.stem.size()) + " stages");
    for (const std::int64_t channels : config.stem)
      require_size(channels, key + ".stem", kMostSize);
  }
  check_pixel_statistics(config.mean, config.std, key);
}

VisionTransformer::VisionTransformer(const VisionTransformerConfig& config) : config_(config) {
  check_config(config, "vit");
  const bool clip = config.style == "clip";
  const double eps = block_config(config).layer_norm_eps;
  pixels_ = PixelStatistics::of(config.mean, config.std);
  register_buffer("pixel_mean", pixels_.mean);
  register_buffer("pixel_std", pixels_.std);
  if (config.stem.empty()) {
    patch_weight = register_parameter(
        "patch_weight", torch::zeros({config.width, kPixelChannels, config.patch, config.patch}));
  } else {
    stem = register_module("stem", std::make_shared<ConvStem>(kPixelChannels, config.stem));
    patch_weight =
        register_parameter("patch_weight", torch::zeros({config.width, stem->channels()}));
  }
  if (!clip || stem) patch_bias = register_parameter("patch_bias", torch::zeros({config.width}));
  class_embedding = register_parameter("class_embedding", torch::zeros({config.width}));
  positional_embedding = register_parameter("positional_embedding",
                                            torch::zeros({1 + config.patches(), config.width}));
  if (config.registers > 0) {
    registers = register_parameter("registers", torch::zeros({config.registers, config.width}));
  }
  if (clip) ln_pre = register_module("ln_pre", std::make_shared<LayerNorm>(config.width, eps));
  blocks = register_blocks(*this, "blocks", block_config(config), config.layers);
  ln_post = register_module("ln_post", std::make_shared<LayerNorm>(config.width, eps));
}

torch::Tensor VisionTransformer::embed_with_stem(const torch::Tensor& pixels, Stages stages) const {
  // One plane shown three times is normalised once where its statistics are the same.
  const bool once = pixels.stride(1) == 0 && config_.mean.size() == 1 && config_.std.size() == 1;
  const std::int64_t planes = once ? 1 : kPixelChannels;
  const torch::Tensor mean = pixels_.mean.narrow(0, 0, planes).view({1, planes, 1, 1});
  const torch::Tensor std = pixels_.std.narrow(0, 0, planes).view({1, planes, 1, 1});
  const torch::Tensor x = ((pixels.narrow(1, 0, planes) - mean) / std).expand_as(pixels);
  return at::linear(stem->forward(x, stages).flatten(2).transpose(1, 2), patch_weight, patch_bias);
}

torch::Tensor VisionTransformer::embed_patches(const torch::Tensor& pixels, Stages stages) const {
  if (stem) return embed_with_stem(pixels, stages);
  return project_patches(pixels, patch_weight, patch_bias, pixels_);
}

torch::Tensor resample_positions(const torch::Tensor& table, std::int64_t rows,
                                 std::int64_t columns) {
  const auto grid =
      static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(table.size(0) - 1))));
  const std::int64_t width = table.size(1);
  TORCH_CHECK(table.size(0) == 1 + grid * grid, "positions ", table.sizes(),
              " are not those of a square grid and a class token");
  if (rows == grid && columns == grid) return table.unsqueeze(0);
  const torch::Tensor learned = table.narrow(0, 1, grid * grid).view({1, grid, grid, width});
  const torch::Tensor resized = at::upsample_bicubic2d(learned.permute({0, 3, 1, 2}),
                                                       {rows, columns}, /*align_corners=*/false);
  return at::cat({table.narrow(0, 0, 1).unsqueeze(0),
                  resized.permute({0, 2, 3, 1}).reshape({1, rows * columns, width})},
                 1);
}

torch::Tensor VisionTransformer::embed(const torch::Tensor& pixels, Stages stages) const {
  const torch::Tensor patches = embed_patches(pixels, stages);
  const torch::Tensor first =
      class_embedding.to(patches.scalar_type()).expand({pixels.size(0), 1, config_.width});
  const torch::Tensor x = at::cat({first, patches}, 1) +
                          resample_positions(positional_embedding, pixels.size(2) / config_.patch,
                                             pixels.size(3) / config_.patch);
  if (!registers.defined()) return x;
  return at::cat({x.narrow(1, 0, 1), registers.expand({x.size(0), -1, -1}), x.slice(1, 1)}, 1);
}

torch::Tensor VisionTransformer::attention_of_class(const torch::Tensor& x,
                                                    const TokenLayout& layout) const {
  const torch::NoGradGuard no_grad;
  const TransformerBlock& last = *blocks.back();
  const torch::Tensor all = last.ln_1->forward(x.detach());
  const torch::Tensor first = layout.unflatten(all).select(1, 0);
  const torch::Tensor weights = last.attn->cross_weights(
      first, TokenLayout::padded(layout.batch(), 1), all, layout.mask());  // (B,heads,1,T)
  return weights.mean(1).squeeze(1).slice(1, 1 + config_.registers);
}

VisionTokens VisionTransformer::forward(const torch::Tensor& pixels, torch::Tensor* class_attention,
                                        std::vector<torch::Tensor>* hidden_states,
                                        std::vector<torch::Tensor>* stem_stages) const {
  check_pixels(pixels);
  TORCH_CHECK(pixels.size(2) >= config_.patch && pixels.size(2) % config_.patch == 0 &&
                  pixels.size(3) >= config_.patch && pixels.size(3) % config_.patch == 0,
              "image sides must be multiples of the patch side ", config_.patch, ", not ",
              pixels.sizes());
  torch::Tensor x = embed(pixels, stem_stages);
  const TokenLayout layout = TokenLayout::padded(x.size(0), x.size(1));
  x = layout.flatten(x);
  if (ln_pre) x = ln_pre->forward(x);
  for (const auto& block : blocks) {
    if (class_attention != nullptr && block == blocks.back())
      *class_attention = attention_of_class(x, layout);
    x = block->forward(x, layout);
    if (hidden_states != nullptr) hidden_states->push_back(layout.unflatten(x));
  }
  VisionTokens out;
  out.first_patch = 1 + config_.registers;
  out.grid_rows = pixels.size(2) / config_.patch;
  out.grid_columns = pixels.size(3) / config_.patch;
  const bool mean = config_.pooling == "mean";
  out.last_block = layout.unflatten(x);
  out.tokens = mean ? out.last_block : layout.unflatten(ln_post->forward(x));
  out.pooled = mean ? ln_post->forward(out.patches().mean(1)) : out.tokens.select(1, 0);
  return out;
}

void VisionTransformer::initialise(const Initializer& init) {
  const bool clip = config_.style == "clip";
  const double width_std = 1.0 / std::sqrt(static_cast<double>(config_.width));
  const double fan_in = static_cast<double>(patch_weight[0].numel());
  if (stem) stem->initialise(init.child("stem"));
  init.uniform("patch_weight", patch_weight, 1.0 / std::sqrt(fan_in));
  init.normal("class_embedding", class_embedding, clip ? width_std : kPositionStd);
  init.normal("positional_embedding", positional_embedding, clip ? width_std : kPositionStd);
  if (registers.defined()) init.normal("registers", registers, kRegisterStd);
  const BlockInit std = clip ? BlockInit::clip(config_.width, config_.layers) : BlockInit{};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i]->initialise(init.child("blocks." + std::to_string(i)), std);
  }
}

}  // namespace biplane
