// Batches of 32 two-view studies (crop 224 of 256 px, reports of the phantom), made in one thread:
// from loose JPEGs, from the PNGs of a pack's shards, and from its decoded images. Nothing but
// reports is kept in memory; `fresh` ones are tokenised each time. `items_per_second` is studies a
// second of processor time. Pin it to one core: taskset -c 1. Run in the repository root.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <numeric>

#include "biplane/corpus/decoded_images.h"
#include "biplane/corpus/pack.h"
#include "biplane/data/loader.h"
#include "biplane/phantom/phantom.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStudies = 256, kBatch = 32;

// The studies as loose files, as a pack, and as a pack with decoded images; removed at the end.
class Corpus {
 public:
  Corpus() {
    std::string pattern = (fs::temp_directory_path() / "biplane-bench-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    PhantomOptions phantom;
    phantom.studies = kStudies;
    phantom.test = phantom.validate = 0;
    phantom.frontal_only = phantom.lateral_only = 0;
    write_phantom(phantom, folder_ / "loose");
    const Manifest all = Manifest::read(folder_ / "loose");
    for (const char* name : {"shards", "decoded"}) {
      PackOptions options;
      options.out = folder_ / name;
      pack(all, plan_shards(all, options.form), options);
      merge_pack(options.out, 0);
    }
    DecodedImages::write_beside(Manifest::read(folder_ / "decoded"), {}, 2, nullptr);
  }
  ~Corpus() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  fs::path folder(const char* name) const { return folder_ / name; }

 private:
  fs::path folder_;
};

void batches(benchmark::State& state, const char* name, bool keep_reports) {
  static const Corpus corpus;
  at::set_num_threads(1);
  const auto manifest = std::make_shared<Manifest>(Manifest::read(corpus.folder(name)));
  std::vector<std::int64_t> chosen(manifest->summaries().size());
  std::iota(chosen.begin(), chosen.end(), 0);
  DataConfig config;
  config.cache_mib = keep_reports ? 8 : 0;  // too little for images to matter
  const StudyDataset dataset(manifest, chosen, make_text_pipeline(config, *manifest, chosen),
                             DatasetOptions::from(config, 1, /*training=*/true));
  StudyLoader loader(dataset, BatchSampler({.studies = kStudies, .batch = kBatch, .seed = 1}),
                     {.workers = 0});
  for (std::int64_t i = 0; i < kStudies / kBatch; ++i) loader.next();  // every report once
  for (auto _ : state) benchmark::DoNotOptimize(loader.next());
  state.SetItemsProcessed(state.iterations() * kBatch);
}

BENCHMARK_CAPTURE(batches, decoded, "decoded", true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(batches, decoded_fresh, "decoded", false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(batches, shards_fresh, "shards", false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(batches, loose_fresh, "loose", false)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace biplane
