#include "biplane/nn/transformer.h"

#include <gtest/gtest.h>

#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;

TransformerBlockConfig tiny(bool cross) {
  TransformerBlockConfig config;
  config.width = 8;
  config.heads = 2;
  config.mlp_width = 16;
  config.cross_attention = cross;
  return config;
}

torch::Tensor valid_lengths(const std::vector<std::int64_t>& lengths, std::int64_t tokens) {
  return torch::arange(tokens).unsqueeze(0).lt(torch::tensor(lengths).unsqueeze(1));
}

// The block on (B,T,W) tokens.
torch::Tensor run(const TransformerBlock& block, const torch::Tensor& x, const TokenLayout& layout,
                  const BlockContext& context) {
  return layout.unflatten(block.forward(layout.flatten(x), layout, context));
}

std::shared_ptr<TransformerBlock> random_block(const TransformerBlockConfig& config) {
  auto block = std::make_shared<TransformerBlock>(config);
  block->to(torch::kFloat64);
  testing::randomise(*block, 1, 0.5);
  return block;
}

void check_block_gradients(const TransformerBlockConfig& config, bool packed,
                           bool cross_residual = true) {
  const auto block = random_block(config);
  torch::Tensor x = noise({3, 5, 8}, 2).requires_grad_();
  torch::Tensor keys = noise({3, 4, 8}, 3).requires_grad_();
  const torch::Tensor probe = noise({3, 5, 8}, 4);
  BlockContext context;
  context.cross_residual = cross_residual;
  const torch::Tensor mask = valid_lengths({5, 3, 1}, 5);
  const TokenLayout layout =
      packed ? TokenLayout::packed(3, 5, mask) : TokenLayout::padded(3, 5, mask);
  if (config.cross_attention) {
    context.keys = keys;
    context.key_mask = KeyMask::of(valid_lengths({4, 2, 0}, 4));
  }
  const auto loss = [&] { return (run(*block, x, layout, context) * probe).sum(); };
  testing::expect_gradient(loss, x, "tokens");
  if (config.cross_attention) testing::expect_gradient(loss, keys, "keys");
  for (auto& item : block->named_parameters())
    testing::expect_gradient(loss, item.value(), item.key(), 4);
}

TEST(TransformerBlock, PreNormGradientsAgreeWithFiniteDifferences) {
  check_block_gradients(tiny(false), /*packed=*/false);
  check_block_gradients(tiny(false), /*packed=*/true);
}

TEST(TransformerBlock, PostNormGradientsAgreeWithFiniteDifferences) {
  TransformerBlockConfig config = tiny(false);
  config.norm = NormPlace::kPost;
  config.activation = Activation::kGelu;
  check_block_gradients(config, /*packed=*/false);
  check_block_gradients(config, /*packed=*/true);
}

TEST(TransformerBlock, CrossAttentionGradientsAgreeWithFiniteDifferences) {
  check_block_gradients(tiny(true), /*packed=*/false);
  check_block_gradients(tiny(true), /*packed=*/true);
  check_block_gradients(tiny(true), /*packed=*/false, /*cross_residual=*/false);
}

TEST(TransformerBlock, IgnoresInvalidTokensAndKeys) {
  const auto block = random_block(tiny(true));
  torch::Tensor x = noise({2, 5, 8}, 2), keys = noise({2, 4, 8}, 3);
  BlockContext context;
  const TokenLayout layout = TokenLayout::padded(2, 5, valid_lengths({5, 3}, 5));
  context.key_mask = KeyMask::of(valid_lengths({2, 4}, 4));
  context.keys = keys;
  const torch::Tensor before = run(*block, x, layout, context);
  context.keys = keys.clone();
  context.keys[0].narrow(0, 2, 2).fill_(7.0);
  torch::Tensor changed = x.clone();
  changed[1].narrow(0, 3, 2).fill_(-3.0);
  const torch::Tensor after = run(*block, changed, layout, context);
  expect_near(after[0], before[0], 1e-12, "study 0");
  expect_near(after[1].narrow(0, 0, 3), before[1].narrow(0, 0, 3), 1e-12, "study 1");
  EXPECT_GT(testing::max_difference(after[1], before[1]), 1e-3);
}

TEST(TransformerBlock, ReadsNothingWhereAStudyHasNoKey) {
  const auto block = random_block(tiny(true));
  const torch::Tensor x = noise({2, 3, 8}, 2);
  BlockContext context;
  context.cross_residual = false;
  const TokenLayout layout = TokenLayout::padded(2, 3);
  context.key_mask = KeyMask::of(valid_lengths({0, 4}, 4));
  context.keys = noise({2, 4, 8}, 3);
  torch::Tensor weights;
  context.cross_weights = &weights;
  const torch::Tensor first = run(*block, x, layout, context);
  context.keys = noise({2, 4, 8}, 9);
  const torch::Tensor second = run(*block, x, layout, context);
  expect_near(second[0], first[0], 0.0, "study without keys");
  EXPECT_GT(testing::max_difference(second[1], first[1]), 1e-3);
  expect_near(weights[0], torch::zeros({2, 3, 4}, torch::kFloat64), 0.0, "weights of no key");
  expect_near(weights[1].sum(-1), torch::ones({2, 3}, torch::kFloat64), 1e-12, "weights sum");
}

TEST(TransformerBlock, CrossWeightsAreThoseOfTheAttention) {
  const auto block = random_block(tiny(true));
  Attention& attention = *block->cross_attn;
  const torch::Tensor query = noise({6, 8}, 2), keys = noise({8, 8}, 3);
  const TokenLayout layout = TokenLayout::padded(2, 3);
  const KeyMask mask = KeyMask::of(valid_lengths({3, 4}, 4));
  const torch::Tensor weights = attention.cross_weights(query, layout, keys, mask);
  const torch::Tensor v = at::linear(keys, attention.in_proj_weight.narrow(0, 16, 8),
                                     attention.in_proj_bias.narrow(0, 16, 8));
  const torch::Tensor read =
      at::matmul(weights, v.view({2, 4, 2, 4}).transpose(1, 2)).transpose(1, 2).reshape({6, 8});
  expect_near(attention.out_proj->forward(read), attention.cross(query, layout, keys, mask), 1e-12,
              "attention");
}

TEST(TransformerBlock, WantedRowsAreThoseOfAllRows) {
  const auto block = random_block(tiny(true));
  const TokenLayout layout = TokenLayout::packed(3, 5, valid_lengths({5, 3, 4}, 5));
  torch::Tensor x = layout.flatten(noise({3, 5, 8}, 2)).detach().requires_grad_();
  torch::Tensor wanted = torch::zeros({3, 5}, torch::kBool);
  for (const auto& [study, token] : {std::pair(0, 1), std::pair(0, 4), std::pair(2, 0)}) {
    wanted[study][token] = true;
  }
  const TokenSubset subset = TokenSubset::of(layout, wanted);
  BlockContext context;
  context.keys = noise({3, 4, 8}, 3);
  const torch::Tensor all = layout.unflatten(block->forward(x, layout, context));
  const torch::Tensor expected = all.reshape({15, 8}).index({wanted.view(-1)});
  context.wanted = &subset;
  const torch::Tensor part = block->forward(x, layout, context);
  expect_near(part, expected, 1e-12, "wanted rows");
  const torch::Tensor probe = noise({3, 8}, 4);
  expect_near(torch::autograd::grad({(part * probe).sum()}, {x})[0],
              torch::autograd::grad({(expected * probe).sum()}, {x})[0], 1e-10, "gradient");
}

TEST(QuickGelu, IsXTimesTheSigmoidOfASteepX) {
  const torch::Tensor x = torch::linspace(-8, 8, 101, torch::kFloat64);
  expect_near(quick_gelu(x), x * torch::sigmoid(1.702 * x), 1e-12, "quick_gelu");
}

TEST(KeyedDropout, DependsOnTheStudyAndNotOnItsPlaceOrPadding) {
  KeyedDropout dropout{0.25, 11, 3, 0, torch::tensor({40, 41, 42}, torch::kInt64)};
  const torch::Tensor all = dropout.apply(torch::ones({3, 50, 8}), 2);
  dropout.study_index = torch::tensor({42, 40}, torch::kInt64);
  const torch::Tensor some = dropout.apply(torch::ones({2, 60, 8}), 2);
  expect_near(some[0].narrow(0, 0, 50), all[2], 0.0, "study 42");
  expect_near(some[1].narrow(0, 0, 50), all[0], 0.0, "study 40");
  EXPECT_GT(testing::max_difference(all[0], all[1]), 0.5);
  EXPECT_GT(testing::max_difference(dropout.apply(torch::ones({2, 60, 8}), 3), some), 0.5);
  EXPECT_NEAR(all.eq(0).to(torch::kFloat64).mean().item<double>(), 0.25, 0.04);
  EXPECT_NEAR(all.max().item<double>(), 1.0 / 0.75, 1e-6);
  ++dropout.step;
  EXPECT_GT(testing::max_difference(dropout.apply(torch::ones({2, 60, 8}), 2), some), 0.5);
}

TEST(Initializer, GivesAParameterTheSameValuesWhateverElseExists) {
  const torch::Tensor before = at::globalContext().defaultGenerator(torch::kCPU).get_state();
  TransformerBlock plain(tiny(false)), crossed(tiny(true));
  plain.initialise(Initializer(5).child("x"), {});
  crossed.initialise(Initializer(5).child("x"), {});
  expect_near(plain.attn->in_proj_weight, crossed.attn->in_proj_weight, 0.0, "same name");
  EXPECT_GT(
      testing::max_difference(crossed.cross_attn->in_proj_weight, crossed.attn->in_proj_weight),
      1e-3);
  plain.initialise(Initializer(6).child("x"), {});
  EXPECT_GT(testing::max_difference(plain.attn->in_proj_weight, crossed.attn->in_proj_weight),
            1e-3);
  EXPECT_TRUE(torch::equal(before, at::globalContext().defaultGenerator(torch::kCPU).get_state()))
      << "the global generator was used";
}

}  // namespace
}  // namespace biplane
