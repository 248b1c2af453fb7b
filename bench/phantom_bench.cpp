// Speed of the phantom on one core: whole studies (two views, truth, report) and their parts.
// `items_per_second` is studies a second. Run in the repository root.
#include <benchmark/benchmark.h>

#include "biplane/imaging/encode.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {
namespace {

void make_studies(benchmark::State& state) {
  PhantomOptions options;
  options.studies = 100000;
  options.size = state.range(0);
  std::int64_t index = 0;
  for (auto _ : state) {
    const PhantomStudy made = make_phantom_study(options, index++);
    if (made.has_frontal) benchmark::DoNotOptimize(encode_jpeg(made.frontal, 95));
    if (made.has_lateral) benchmark::DoNotOptimize(encode_jpeg(made.lateral, 95));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(make_studies)
    ->Name("study_with_jpeg")
    ->Arg(96)
    ->Arg(256)
    ->Arg(512)
    ->Unit(benchmark::kMillisecond);

void render_views(benchmark::State& state) {
  const Patient patient = draw_patient(0, 1);
  const Acquisition acquisition = draw_acquisition(0, 1);
  for (auto _ : state)
    benchmark::DoNotOptimize(render_study(
        patient, acquisition, {}, static_cast<int>(state.range(0)), CounterRandom(0, "bench")));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(render_views)->Name("two_normal_views")->Arg(96)->Arg(256)->Unit(benchmark::kMillisecond);

void write_reports(benchmark::State& state) {
  std::uint64_t study = 0;
  for (auto _ : state) {
    NarrativeInput input;
    input.findings = draw_findings(0, study);
    input.visibility.assign(input.findings.size(), Visibility::kPlain);
    benchmark::DoNotOptimize(write_narrative(input, phantom_grammar(), 0, study++));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(write_reports)->Name("report")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace biplane
