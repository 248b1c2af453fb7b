#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/nn/swin_transformer.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;

SwinTransformerConfig tiny_swin() {
  SwinTransformerConfig config;
  config.patch = 2;
  config.width = 8;
  config.depths = {2, 1};
  config.heads = {2, 4};
  config.window = 3;
  return config;
}

std::shared_ptr<SwinTransformer> make_swin(const SwinTransformerConfig& config) {
  auto tower = std::make_shared<SwinTransformer>(config);
  tower->initialise(Initializer(3));
  return tower;
}

struct WindowedBlock {
  TransformerBlock block;
  TokenGrid grid;
  TokenWindows windows;

  WindowedBlock(const TransformerBlockConfig& config, const TokenGrid& on, std::int64_t shift)
      : block(config), grid(on) {
    block.to(torch::kFloat64);
    testing::randomise(block, 1, 0.5);
    windows = TokenWindows::of(grid, config.window, shift, block.relative_position_bias);
  }
  torch::Tensor forward(const torch::Tensor& x) const {
    BlockContext context;
    context.windows = &windows.pairs;
    return block.forward(x, windows.layout, context);
  }
};

TransformerBlockConfig windowed(std::int64_t side) {
  TransformerBlockConfig config;
  config.width = 8;
  config.heads = 2;
  config.mlp_width = 16;
  config.activation = Activation::kGelu;
  config.window = side;
  return config;
}

TEST(SwinBlock, GradientsAgreeWithFiniteDifferences) {
  // 2 images of 5 x 7 tokens fill 2 x 2 windows of 4 x 4: padding, and groups of biases if shifted.
  for (const std::int64_t shift : {0, 2}) {
    const WindowedBlock swin(windowed(4), {2, 5, 7}, shift);
    torch::Tensor x = noise({70, 8}, 2).requires_grad_();
    const torch::Tensor probe = noise({70, 8}, 4);
    const auto loss = [&] { return (swin.forward(x) * probe).sum(); };
    testing::expect_gradient(loss, x, "tokens");
    for (auto& item : swin.block.named_parameters())
      testing::expect_gradient(loss, item.value(), item.key(), 10);
  }
}

// Tokens of a 1-image grid that change when the token at (row, column) does, as (rows, columns).
torch::Tensor readers(const WindowedBlock& swin, std::int64_t row, std::int64_t column) {
  const torch::Tensor x = noise({swin.grid.rows * swin.grid.columns, 8}, 5);
  torch::Tensor changed = x.clone();
  changed[row * swin.grid.columns + column][0] += 1.0;
  return (swin.forward(changed) - swin.forward(x))
      .abs()
      .amax(1)
      .gt(1e-9)
      .view({swin.grid.rows, swin.grid.columns});
}

torch::Tensor rectangle(const TokenGrid& grid, std::int64_t top, std::int64_t left,
                        std::pair<std::int64_t, std::int64_t> size) {
  torch::Tensor place = torch::zeros({grid.rows, grid.columns}, torch::kBool);
  place.narrow(0, top, size.first).narrow(1, left, size.second).fill_(true);
  return place;
}

TEST(SwinBlock, ATokenIsReadInItsWindowOnly) {
  const WindowedBlock straight(windowed(4), {1, 8, 8}, 0), shifted(windowed(4), {1, 8, 8}, 2);
  EXPECT_TRUE(torch::equal(readers(straight, 1, 6), rectangle(straight.grid, 0, 4, {4, 4})));
  EXPECT_TRUE(torch::equal(readers(shifted, 3, 4), rectangle(shifted.grid, 2, 2, {4, 4})));
  // The last window holds the ends of both directions: four regions that do not see each other.
  EXPECT_TRUE(torch::equal(readers(shifted, 0, 1), rectangle(shifted.grid, 0, 0, {2, 2})));
  EXPECT_TRUE(torch::equal(readers(shifted, 7, 0), rectangle(shifted.grid, 6, 0, {2, 2})));
  EXPECT_TRUE(torch::equal(readers(shifted, 1, 3), rectangle(shifted.grid, 0, 2, {2, 4})));
  // A grid that is filled up: windows begin at the top left, the last ones are cut off.
  const WindowedBlock padded(windowed(4), {1, 5, 6}, 0);
  EXPECT_TRUE(torch::equal(readers(padded, 4, 5), rectangle(padded.grid, 4, 4, {1, 2})));
}

// One head, identity projections, no scores but the bias: a token reads the tokens of its window
// with weights that name its place in the table.
TEST(SwinBlock, TheBiasBelongsToTheRelativePositionRowFirst) {
  const TokenWindows windows = TokenWindows::of({1, 3, 3}, 3, 0, torch::zeros({1}));
  const torch::Tensor relative = windows.pairs.relative.view({9, 9});
  for (std::int64_t query = 0; query < 9; ++query)
    for (std::int64_t key = 0; key < 9; ++key) {
      const std::int64_t down = query / 3 - key / 3, across = query % 3 - key % 3;
      EXPECT_EQ(relative[query][key].item<std::int64_t>(), (down + 2) * 5 + across + 2);
    }
}

TEST(SwinBlock, ZerosThatFillAWindowAreReadAsTokens) {
  // By hand: the projected zero token is the bias of the projection.
  WindowedBlock swin(windowed(2), {1, 1, 1}, 0);
  const torch::Tensor x = noise({1, 8}, 2);
  const torch::Tensor normed = swin.block.ln_1->forward(x);
  const torch::Tensor window = at::cat({normed, torch::zeros({3, 8}, torch::kFloat64)}, 0);
  const Attention& attention = *swin.block.attn;
  const auto qkv = at::linear(window, attention.in_proj_weight, attention.in_proj_bias).split(8, 1);
  std::vector<torch::Tensor> heads;
  for (std::int64_t head = 0; head < 2; ++head) {
    const auto part = [&](int i) { return qkv[i].narrow(1, 4 * head, 4); };
    const torch::Tensor bias = swin.block.relative_position_bias.select(1, head)
                                   .index_select(0, swin.windows.pairs.relative)
                                   .view({4, 4});
    heads.push_back((part(0).matmul(part(1).t()) / 2.0 + bias).softmax(1).matmul(part(2)));
  }
  torch::Tensor y = x + attention.out_proj->forward(at::cat(heads, 1).narrow(0, 0, 1));
  y = y + swin.block.mlp->forward(swin.block.ln_2->forward(y));
  expect_near(swin.forward(x), y, 1e-12, "one token in a window of four");
}

TEST(SwinTransformer, TakesAnyImageSize) {
  const auto tower = make_swin(tiny_swin());
  const torch::NoGradGuard no_grad;
  struct Case {
    std::int64_t height, width, rows, columns;
  };
  // 12 x 6 patches merge to 6 x 3; 13 x 7 px are 7 x 4 patches and merge to 4 x 2; 1 px to 1 x 1
  for (const Case& at : {Case{24, 12, 6, 3}, Case{13, 7, 4, 2}, Case{1, 1, 1, 1}}) {
    const torch::Tensor pixels = noise({2, 3, at.height, at.width}, 1, torch::kFloat32).sigmoid();
    std::vector<torch::Tensor> hidden;
    const VisionTokens out = tower->forward(pixels, &hidden);
    EXPECT_EQ(out.tokens.sizes(), (std::vector<std::int64_t>{2, at.rows * at.columns, 16}));
    EXPECT_TRUE(torch::equal(out.patches(), out.tokens));
    EXPECT_EQ(out.grid_rows, at.rows);
    EXPECT_EQ(out.grid_columns, at.columns);
    EXPECT_EQ(hidden.size(), 3U);
    expect_near(out.pooled, out.tokens.mean(1), 1e-6, "pooled");
    EXPECT_TRUE(out.tokens.isfinite().all().item<bool>());
  }
}

TEST(SwinTransformer, FillsUpAnImageWithWhatIsZeroOnceNormalised) {
  const SwinTransformerConfig config = tiny_swin();
  const auto tower = make_swin(config);
  const torch::Tensor pixels = noise({2, 3, 11, 8}, 1, torch::kFloat32).sigmoid();
  const torch::Tensor mean = torch::tensor(config.mean).to(torch::kFloat32).view({1, 3, 1, 1});
  const torch::Tensor row = mean.expand({2, 3, 1, 8});
  expect_near(tower->forward(pixels).tokens, tower->forward(at::cat({pixels, row}, 2)).tokens, 1e-6,
              "filled up by hand");
}

TEST(SwinTransformer, NormalisesWithItsOwnStatisticsAndReadsAGreyImageOnce) {
  SwinTransformerConfig config = tiny_swin();
  const auto normalising = make_swin(config);
  const torch::Tensor mean = torch::tensor(config.mean).to(torch::kFloat32).view({1, 3, 1, 1});
  const torch::Tensor std = torch::tensor(config.std).to(torch::kFloat32).view({1, 3, 1, 1});
  config.mean = {0.0};
  config.std = {1.0};
  const auto plain = make_swin(config);
  const torch::Tensor grey =
      noise({2, 1, 12, 12}, 1, torch::kFloat32).sigmoid().expand({2, 3, 12, 12});
  expect_near(normalising->forward(grey).tokens, plain->forward((grey - mean) / std).tokens, 2e-5,
              "normalised");
}

TEST(SwinTransformer, AllWeightsGetGradientsThatAgreeWithFiniteDifferences) {
  const auto tower = make_swin(tiny_swin());
  tower->to(torch::kFloat64);
  testing::randomise(*tower, 6, 0.4);
  torch::Tensor pixels = noise({1, 3, 15, 10}, 1).sigmoid().requires_grad_();
  const torch::Tensor probe = noise({1, 12, 16}, 2);
  const auto loss = [&] { return (tower->forward(pixels).tokens * probe).sum(); };
  testing::expect_gradient(loss, pixels, "pixels", 6);
  for (auto& item : tower->named_parameters())
    testing::expect_gradient(loss, item.value(), item.key(), 3);
}

TEST(SwinTransformer, HasTheParameterNamesThatWeightFilesAreMappedTo) {
  const auto tower = make_swin(tiny_swin());
  const auto names = tower->named_parameters();
  const auto shape = [&](const std::string& name) { return names[name].sizes().vec(); };
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(shape("patch_weight"), (Shape{8, 3, 2, 2}));
  EXPECT_EQ(shape("stages.0.blocks.1.relative_position_bias"), (Shape{25, 2}));
  EXPECT_EQ(shape("stages.0.downsample.reduction.weight"), (Shape{16, 32}));
  EXPECT_EQ(shape("stages.1.blocks.0.attn.in_proj_weight"), (Shape{48, 16}));
  EXPECT_EQ(shape("stages.1.blocks.0.mlp.c_fc.weight"), (Shape{64, 16}));
  EXPECT_EQ(shape("ln_post.weight"), (Shape{16}));
  // 12 of a block with its norms, bias table; no merging after the last stage
  EXPECT_EQ(names.size(), 2 + 2 + 3 * 13 + 3 + 2U);
}

TEST(SwinTransformer, NamesTheKeyOfABadValue) {
  const auto message = [](const auto& change) -> std::string {
    SwinTransformerConfig config = tiny_swin();
    change(config);
    try {
      check_config(config, "swin");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message([](SwinTransformerConfig& c) { c.window = 12; }), "");
  EXPECT_EQ(message([](SwinTransformerConfig& c) {
              c.heads = {2, 3};
            }),
            "swin.heads: 3 does not divide the width 16 of stage 1");
  EXPECT_EQ(message([](SwinTransformerConfig& c) { c.heads = {2}; }),
            "swin.heads: 1 values for the 2 stages of depths");
  EXPECT_EQ(message([](SwinTransformerConfig& c) { c.depths = {}; }),
            "swin.depths: needs one to eight stages");
  EXPECT_EQ(message([](SwinTransformerConfig& c) { c.window = 0; }),
            "swin.window: 0 is not in 1 to 64");
  EXPECT_EQ(message([](SwinTransformerConfig& c) { c.std = {0.0}; }), "swin.std: must be positive");
}

}  // namespace
}  // namespace biplane
