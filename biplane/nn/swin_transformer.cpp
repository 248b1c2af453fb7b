#include "biplane/nn/swin_transformer.h"

#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <cmath>

#include "biplane/nn/config_check.h"

namespace biplane {
namespace {

constexpr double kEps = 1e-5;
constexpr double kStd = 0.02;  // of all first weights
constexpr std::int64_t kMaxWindow = 64;
constexpr std::size_t kMaxStages = 8;

TransformerBlockConfig block_config(const SwinTransformerConfig& config, std::size_t stage) {
  TransformerBlockConfig block;
  block.width = config.width << stage;
  block.heads = config.heads[stage];
  block.mlp_width = std::llround(config.mlp_ratio * static_cast<double>(block.width));
  block.activation = Activation::kGelu;
  block.layer_norm_eps = kEps;
  block.window = config.window;
  return block;
}

torch::Tensor by_image(const torch::Tensor& x, std::int64_t batch) {
  return x.view({batch, -1, x.size(1)});
}

// (B*rows*columns, w) -> (B, w, rows, columns)
torch::Tensor as_map(const torch::Tensor& x, const TokenGrid& grid) {
  return x.view({grid.batch, grid.rows, grid.columns, x.size(1)}).permute({0, 3, 1, 2});
}

}  // namespace

void check_config(const SwinTransformerConfig& config, const std::string& key) {
  require_size(config.patch, key + ".patch", kMostSize);
  require_size(config.width, key + ".width", kMostSize);
  require_config(config.window >= 1 && config.window <= kMaxWindow, key + ".window",
                 std::to_string(config.window) + " is not in 1 to " + std::to_string(kMaxWindow));
  require_config(!config.depths.empty() && config.depths.size() <= kMaxStages, key + ".depths",
                 "needs one to eight stages");
  require_config(config.heads.size() == config.depths.size(), key + ".heads",
                 std::to_string(config.heads.size()) + " values for the " +
                     std::to_string(config.depths.size()) + " stages of depths");
  for (std::size_t stage = 0; stage < config.depths.size(); ++stage) {
    require_size(config.depths[stage], key + ".depths", kMostLayers);
    require_size(config.heads[stage], key + ".heads", kMostSize);
    const std::int64_t width = config.width << stage;
    require_config(width % config.heads[stage] == 0, key + ".heads",
                   std::to_string(config.heads[stage]) + " does not divide the width " +
                       std::to_string(width) + " of stage " + std::to_string(stage));
  }
  require_mlp(config.mlp_ratio, config.width, key + ".mlp_ratio");
  check_pixel_statistics(config.mean, config.std, key);
}

PatchMerging::PatchMerging(std::int64_t width) {
  norm = register_module("norm", std::make_shared<LayerNorm>(4 * width, kEps));
  reduction = register_module("reduction", std::make_shared<Linear>(4 * width, 2 * width, false));
}

torch::Tensor PatchMerging::forward(const torch::Tensor& x, TokenGrid& grid) const {
  const std::int64_t width = x.size(1);
  torch::Tensor image = x.view({grid.batch, grid.rows, grid.columns, width});
  if (grid.rows % 2 + grid.columns % 2 > 0)
    image = at::constant_pad_nd(image, {0, 0, 0, grid.columns % 2, 0, grid.rows % 2});
  grid.rows = image.size(1) / 2;
  grid.columns = image.size(2) / 2;
  // Channels of the neighbours in the order (even row, even column), (odd, even), (even, odd),
  // (odd, odd).
  const torch::Tensor joined = image.reshape({grid.batch, grid.rows, 2, grid.columns, 2, width})
                                   .permute({0, 1, 3, 4, 2, 5})
                                   .reshape({-1, 4 * width});
  return reduction->forward(norm->forward(joined));
}

void PatchMerging::initialise(const Initializer& init) {
  reduction->initialise_normal(init.child("reduction"), kStd);
}

SwinStage::SwinStage(const SwinTransformerConfig& config, std::size_t stage)
    : window_(config.window) {
  const TransformerBlockConfig block = block_config(config, stage);
  blocks = register_blocks(*this, "blocks", block, config.depths[stage]);
  if (stage + 1 < config.depths.size())
    downsample = register_module("downsample", std::make_shared<PatchMerging>(block.width));
}

torch::Tensor SwinStage::forward(torch::Tensor x, const TokenGrid& grid) const {
  const bool one_window = std::min(grid.rows, grid.columns) <= window_;
  const torch::Tensor& like = blocks[0]->relative_position_bias;
  const TokenWindows straight = TokenWindows::of(grid, window_, 0, like);
  const TokenWindows shifted = one_window || blocks.size() < 2
                                   ? straight
                                   : TokenWindows::of(grid, window_, window_ / 2, like);
  BlockContext context;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const TokenWindows& windows = i % 2 == 0 ? straight : shifted;
    context.windows = &windows.pairs;
    x = blocks[i]->forward(x, windows.layout, context);
  }
  return x;
}

void SwinStage::initialise(const Initializer& init) {
  for (std::size_t i = 0; i < blocks.size(); ++i)
    blocks[i]->initialise(init.child("blocks." + std::to_string(i)), BlockInit{kStd, kStd, kStd});
  if (downsample) downsample->initialise(init.child("downsample"));
}

SwinTransformer::SwinTransformer(const SwinTransformerConfig& config) : config_(config) {
  check_config(config, "swin");
  pixels_ = PixelStatistics::of(config.mean, config.std);
  register_buffer("pixel_mean", pixels_.mean);
  register_buffer("pixel_std", pixels_.std);
  patch_weight = register_parameter(
      "patch_weight", torch::zeros({config.width, kPixelChannels, config.patch, config.patch}));
  patch_bias = register_parameter("patch_bias", torch::zeros({config.width}));
  ln_embed = register_module("ln_embed", std::make_shared<LayerNorm>(config.width, kEps));
  torch::nn::ModuleList list;
  for (std::size_t stage = 0; stage < config.depths.size(); ++stage) {
    stages.push_back(std::make_shared<SwinStage>(config, stage));
    list->push_back(stages.back());
  }
  register_module("stages", list);
  ln_post = register_module("ln_post", std::make_shared<LayerNorm>(config.last_width(), kEps));
}

VisionTokens SwinTransformer::forward(const torch::Tensor& pixels,
                                      std::vector<torch::Tensor>* hidden_states,
                                      std::vector<torch::Tensor>* stage_maps) const {
  check_pixels(pixels);
  const torch::Tensor padded = pad_to_patches(pixels, config_.patch, pixels_);
  TokenGrid grid{pixels.size(0), padded.size(2) / config_.patch, padded.size(3) / config_.patch};
  torch::Tensor x =
      ln_embed->forward(project_patches(padded, patch_weight, patch_bias, pixels_)).flatten(0, 1);
  if (hidden_states != nullptr) *hidden_states = {by_image(x, grid.batch)};
  for (const auto& stage : stages) {
    x = stage->forward(x, grid);
    if (stage_maps != nullptr)
      stage_maps->push_back(as_map(stage->downsample ? x : ln_post->forward(x), grid));
    if (stage->downsample) x = stage->downsample->forward(x, grid);
    if (hidden_states != nullptr) hidden_states->push_back(by_image(x, grid.batch));
  }
  VisionTokens out;
  out.last_block = by_image(x, grid.batch);
  out.tokens = by_image(ln_post->forward(x), grid.batch);
  out.pooled = out.tokens.mean(1);
  out.grid_rows = grid.rows;
  out.grid_columns = grid.columns;
  return out;
}

void SwinTransformer::initialise(const Initializer& init) {
  init.normal("patch_weight", patch_weight, kStd);
  for (std::size_t i = 0; i < stages.size(); ++i)
    stages[i]->initialise(init.child("stages." + std::to_string(i)));
}

}  // namespace biplane
