// Bootstrap intervals of 14 AUROCs over 10,000 studies with 1,000 repeats, draws included.
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/eval/ranked_bootstrap.h"

namespace biplane {
namespace {

constexpr int kStudies = 10000, kLabels = 14;

void BootstrapOfAurocs(benchmark::State& state) {
  std::vector<std::string> patients;
  for (int i = 0; i < kStudies; ++i) patients.push_back(std::to_string(i));
  std::vector<std::vector<double>> scores(kLabels);
  std::vector<std::vector<std::uint8_t>> truth(kLabels);
  for (std::uint64_t label = 0; label < kLabels; ++label) {
    CounterRandom random(0, "bench", {label});
    for (int i = 0; i < kStudies; ++i) {
      const bool positive = random.bernoulli(0.02 + 0.38 * static_cast<double>(label) / kLabels);
      truth[label].push_back(positive ? 1 : 0);
      scores[label].push_back(std::round(1e4 * (random.normal() + (positive ? 1 : 0))) / 1e4);
    }
  }
  for (auto _ : state) {
    const PatientBootstrap bootstrap(patients, {state.range(0), 0});
    for (std::size_t label = 0; label < kLabels; ++label)
      benchmark::DoNotOptimize(percentile_interval(
          auroc_replicates(RankedScores(scores[label], truth[label]), bootstrap)));
  }
}
BENCHMARK(BootstrapOfAurocs)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace biplane
