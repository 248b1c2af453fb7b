// One training step (forward and backward pass) of the objective with small towers (96 px, 96
// wide): 16 two-view studies with reports of 50 to 75 words, one thread; all terms, and each term
// alone.
#include <benchmark/benchmark.h>

#include "biplane/nn/libtorch.h"
#include "tests/model/synthetic_studies.h"

namespace biplane {
namespace {

constexpr std::int64_t kBatch = 16, kTokens = 96, kSide = 96, kVocabulary = 2000;

PretrainSettings demo_settings() {
  PretrainSettings settings;
  ModelConfig& model = settings.model;
  model.image_size = kSide;
  model.width = 96;
  model.max_tokens = kTokens;
  for (TowerConfig* tower : {&model.frontal, &model.lateral}) {
    tower->vit.width = 96;
    tower->vit.layers = 3;
    tower->vit.heads = 4;
  }
  model.text.bert = {kVocabulary, 96, 3, 4, 4.0, kTokens, 2, 0.056};
  model.decoder = {"figure", 2, 4};
  model.alignment = {1, 4};
  model.prototypes.count = 32;
  settings.loss.proto.queue = 512;
  return settings;
}

StudyBatch demo_batch() {
  std::vector<testing::SyntheticStudy> studies = testing::synthetic_studies(kBatch);
  for (testing::SyntheticStudy& study : studies) {
    CounterRandom random(1, "report", {static_cast<std::uint64_t>(study.number)});
    study.words.assign(static_cast<std::size_t>(50 + random.below(26)), {});
    for (testing::SyntheticWord& word : study.words) {
      for (int piece = random.bernoulli(0.2) ? 2 : 1; piece > 0; --piece) {
        word.pieces.push_back(testing::kFirstWord +
                              random.below(kVocabulary - testing::kFirstWord));
      }
      word.masked = random.bernoulli(0.67);
    }
  }
  StudyBatch batch = testing::make_batch(studies, kTokens, kSide);
  for (torch::Tensor* pixels :
       {&batch.frontal, &batch.lateral}) {  // grey, as the loader gives them
    *pixels = pixels->narrow(1, 0, 1).contiguous().expand(pixels->sizes());
  }
  return batch;
}

void step(benchmark::State& state, const LossConfig& loss) {
  at::set_num_threads(1);
  PretrainSettings settings = demo_settings();
  settings.loss = loss;
  PretrainObjective objective(settings);
  const StudyBatch batch = demo_batch();
  std::int64_t number = 1;
  for (auto _ : state) {
    const StepContext context{number++, 1, nullptr};
    objective.compute(batch, context).total.backward();
    objective.after_step(context);
    objective.module().zero_grad();
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}

LossConfig without_image_half() {
  LossConfig loss = demo_settings().loss;
  loss.fla.image_negatives = 0;
  return loss;
}

BENCHMARK_CAPTURE(step, all, demo_settings().loss)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step, all_without_image_half, without_image_half())
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step, itc, testing::only("itc", demo_settings().loss))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step, mlm, testing::only("mlm", demo_settings().loss))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step, fla, testing::only("fla", demo_settings().loss))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step, proto, testing::only("proto", demo_settings().loss))
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace biplane
