// Forward and backward pass of the network of small towers (96 px, 96 wide), one batch of 16
// studies, one thread. The losses are plain sums: what is measured is the network. And Swin-T at
// its full size, forward only, as where it is frozen.
#include <benchmark/benchmark.h>

#include "biplane/model/multiview_model.h"
#include "biplane/nn/libtorch.h"

namespace biplane {
namespace {

constexpr std::int64_t kBatch = 16, kTokens = 96, kVocabulary = 2000;

ModelConfig demo_config() {
  ModelConfig config;
  config.image_size = 96;
  config.width = 96;
  config.max_tokens = kTokens;
  for (TowerConfig* tower : {&config.frontal, &config.lateral}) {
    tower->vit.width = 96;
    tower->vit.layers = 3;
    tower->vit.heads = 3;
  }
  config.text.bert = {kVocabulary, 96, 3, 3, 4.0, kTokens, 2, 0.06};
  config.decoder = {"figure", 2, 3};
  config.alignment = {1, 3};
  config.prototypes.count = 32;
  return config;
}

// Reports of 32 to 92 tokens; two words of three are masked.
struct Inputs {
  torch::Tensor pixels = torch::rand({kBatch, 1, 96, 96}).expand({kBatch, 3, 96, 96});
  torch::Tensor ids = torch::randint(5, kVocabulary, {kBatch, kTokens}, torch::kInt64);
  torch::Tensor mask =
      torch::arange(kTokens).unsqueeze(0).lt(torch::arange(32, 96, 4).unsqueeze(1));
  torch::Tensor hidden = mask.logical_and(torch::arange(kTokens).remainder(3).ne(0).unsqueeze(0));
  torch::Tensor has = torch::ones({kBatch}, torch::kBool);
};

struct Fixture {
  MultiviewModel model{demo_config(), 1};
  Inputs inputs;
  Fixture() { at::set_num_threads(1); }

  torch::Tensor images() const {
    const ViewFeatures f = model.encode_frontal(inputs.pixels),
                       l = model.encode_lateral(inputs.pixels);
    return f.patches.sum() + f.global.sum() + l.patches.sum() + l.global.sum();
  }
  torch::Tensor text() const { return model.encode_text(inputs.ids, inputs.mask).tokens.sum(); }
  torch::Tensor masked_words(const ViewFeatures& frontal, const ViewFeatures& lateral) const {
    MlmInput input{frontal,
                   lateral,
                   inputs.has,
                   inputs.has,
                   inputs.ids,
                   inputs.mask,
                   inputs.ids.masked_fill(inputs.hidden.logical_not(), -100)};
    input.score_words = inputs.mask.logical_and(inputs.hidden.logical_not());
    const MlmOutput output = model.mlm(input);
    return at::cross_entropy_loss(output.logits, output.labels);
  }
  torch::Tensor alignment(const torch::Tensor& tokens, const torch::Tensor& patches) const {
    return model.align({tokens, inputs.mask, patches}).sum();
  }
};

template <class Pass>
void forward_and_backward(benchmark::State& state, const Fixture& fixture, const Pass& pass) {
  for (auto _ : state) {
    pass().backward();
    for (torch::Tensor& parameter : fixture.model.parameters()) parameter.mutable_grad().reset();
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}

void images(benchmark::State& state) {
  const Fixture fixture;
  forward_and_backward(state, fixture, [&] { return fixture.images(); });
}

void text(benchmark::State& state) {
  const Fixture fixture;
  forward_and_backward(state, fixture, [&] { return fixture.text(); });
}

void masked_words(benchmark::State& state) {
  const Fixture fixture;
  const torch::NoGradGuard no_grad;
  const ViewFeatures frontal = fixture.model.encode_frontal(fixture.inputs.pixels);
  const ViewFeatures lateral = fixture.model.encode_lateral(fixture.inputs.pixels);
  const torch::AutoGradMode gradients(true);
  forward_and_backward(state, fixture, [&] { return fixture.masked_words(frontal, lateral); });
}

void alignment(benchmark::State& state) {
  const Fixture fixture;
  const torch::Tensor tokens = torch::randn({kBatch, kTokens, 96});
  const torch::Tensor patches = torch::randn({kBatch, 36, 96});
  forward_and_backward(state, fixture, [&] { return fixture.alignment(tokens, patches); });
}

void whole_step(benchmark::State& state) {
  const Fixture fixture;
  forward_and_backward(state, fixture, [&] {
    const ViewFeatures frontal = fixture.model.encode_frontal(fixture.inputs.pixels);
    const ViewFeatures lateral = fixture.model.encode_lateral(fixture.inputs.pixels);
    const torch::Tensor tokens =
        fixture.model.encode_text(fixture.inputs.ids, fixture.inputs.mask).tokens;
    return fixture.masked_words(frontal, lateral) + fixture.alignment(tokens, frontal.patches) +
           fixture.alignment(tokens, lateral.patches);
  });
}

void frozen_swin_t(benchmark::State& state) {
  at::set_num_threads(1);
  const torch::NoGradGuard no_grad;
  SwinTransformer tower{SwinTransformerConfig{}};
  tower.initialise(Initializer(1));
  const torch::Tensor pixels = torch::rand({4, 3, 224, 224});
  for (auto _ : state) benchmark::DoNotOptimize(tower.forward(pixels).tokens);
  state.SetItemsProcessed(state.iterations() * pixels.size(0));
}

BENCHMARK(images)->Unit(benchmark::kMillisecond);
BENCHMARK(text)->Unit(benchmark::kMillisecond);
BENCHMARK(masked_words)->Unit(benchmark::kMillisecond);
BENCHMARK(alignment)->Unit(benchmark::kMillisecond);
BENCHMARK(whole_step)->Unit(benchmark::kMillisecond);
BENCHMARK(frozen_swin_t)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace biplane
