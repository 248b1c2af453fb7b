#include "biplane/nn/local_start.h"

#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/nn/bert.h"

namespace biplane {
namespace {

constexpr std::int64_t kTokens = 60;

BertConfig small_bert(bool local) {
  BertConfig config;
  config.vocabulary = 500;
  config.width = 64;
  config.layers = 1;
  config.heads = 4;
  config.max_positions = 96;
  config.local_start = local;
  return config;
}

// (B,heads,T,T): what each word of 16 reports of words at random reads in the first layer.
torch::Tensor first_attention(const BertConfig& config) {
  const torch::NoGradGuard no_grad;
  Bert bert(config);
  bert.initialise(Initializer(7));
  const torch::Tensor ids =
      torch::arange(16 * kTokens).mul(7919).remainder(config.vocabulary).view({16, kTokens});
  const TokenLayout layout = TokenLayout::padded(16, kTokens);
  std::vector<torch::Tensor> states;
  bert.forward({ids}, layout, &states);
  return bert.blocks[0]->attn->cross_weights(states[0], layout, states[0], layout.mask());
}

// Mean attention that words pay to the word `offset` places further.
double attention_at(const torch::Tensor& attention, std::int64_t head, std::int64_t offset) {
  return attention.select(1, head).diagonal(offset, 1, 2).mean().item<double>();
}

TEST(LocalStart, EveryHeadReadsTheWordAtItsOwnPlace) {
  const torch::Tensor attention = first_attention(small_bert(true));
  const std::int64_t wanted[] = {-1, 1, -2, 2};
  for (std::int64_t head = 0; head < 4; ++head) {
    EXPECT_EQ(LocalStart::offset(head), wanted[head]);
    const double at_place = attention_at(attention, head, wanted[head]);
    EXPECT_GT(at_place, 0.2) << "head " << head;
    for (std::int64_t other = -10; other <= 10; ++other) {
      if (other == wanted[head]) continue;
      EXPECT_LT(attention_at(attention, head, other), 0.5 * at_place) << head << " " << other;
    }
  }
}

TEST(LocalStart, WithoutItEveryWordIsReadAlike) {
  const torch::Tensor attention = first_attention(small_bert(false));
  for (const std::int64_t offset : {-2, -1, 0, 1, 2})
    EXPECT_NEAR(attention_at(attention, 0, offset), 1.0 / kTokens, 0.1 / kTokens);
}

TEST(LocalStart, NeedsHeadsOfAnEvenWidth) {
  BertConfig config = small_bert(true);
  config.width = 12;
  EXPECT_THROW(check_config(config, "model.text.bert"), Error);
  config.local_start = false;
  EXPECT_NO_THROW(check_config(config, "model.text.bert"));
}

}  // namespace
}  // namespace biplane
