// Opening a manifest of 1,000,000 studies (two views with hashes, a report of 400 characters, 14
// labels: 1.5 KB a line) and reading studies of it one by one. The manifest is written into the
// temporary folder first (1.5 GB, removed at the end). `cpu_s` is user and system time of all
// threads; `peak_mb` is the most memory that the process had resident, so far: run one benchmark at
// a time for it, on the cores wanted:
//   taskset -c 0,1 bench_manifest --benchmark_filter=open
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "biplane/core/memory.h"
#include "biplane/core/random.h"
#include "biplane/corpus/chexpert.h"
#include "biplane/corpus/manifest.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStudies = 1'000'000;
constexpr std::array<const char*, 6> kSentences = {
    "There is a small left pleural effusion with adjacent atelectasis.",
    "No pneumothorax or pleural effusion is seen.",
    "Patchy opacity in the right lower lobe may represent pneumonia.",
    "The cardiac silhouette is mildly enlarged.",
    "Degenerative changes of the thoracic spine are noted.",
    "Mild pulmonary vascular congestion, improved since the prior study.",
};

std::string line_of(std::int64_t i) {
  CounterRandom random(1, "bench-manifest", {static_cast<std::uint64_t>(i)});
  std::string report, labels, views;
  while (report.size() < 390)
    report += std::string(report.empty() ? "" : " ") +
              kSentences[static_cast<std::size_t>(random.below(kSentences.size()))];
  for (const char* label : kChexpertLabels)
    labels += fmt::format(R"({}"{}":{})", labels.empty() ? "" : ",", label, random.below(3) - 1);
  for (const char* view : {"PA", "LATERAL"}) {
    const auto hex = [&] {
      return fmt::format("{:016x}{:016x}", random.next_u64(), random.next_u64());
    };
    views += fmt::format(
        R"({}{{"path":"../mimic-cxr-jpg/files/p{}/p{}/s{}/{}.jpg","view":"{}","rows":3056,"cols":2544,"sha256":"{}{}"}})",
        views.empty() ? "" : ",", 10 + i % 10, 10000000 + i / 3, 50000000 + i, hex(), view, hex(),
        hex());
  }
  return fmt::format(
      R"({{"format":1,"study_id":"s{}","patient_id":"p{}","patient":{{"sex":"F","age":61.0}},"split":"{}","views":[{}],)"
      R"("report":{{"findings":"","impression":"","other":"","text":"{}"}},"labels":{{{}}},"labels_chexpert":{{}},)"
      R"("boxes":[],"masks":[],"source":{{"file":"mimic-cxr-2.0.0-metadata.csv.gz","row":{}}}}})"
      "\n",
      50000000 + i, 10000000 + i / 3, i % 50 == 0 ? "test" : "train", views, report, labels, i + 1);
}

// The manifest, for as long as the program runs.
class BigManifest {
 public:
  BigManifest() : path_(fs::temp_directory_path() / fmt::format("bench-{}.jsonl", ::getpid())) {
    std::FILE* file = std::fopen(path_.c_str(), "w");
    for (std::int64_t i = 0; i < kStudies; ++i) std::fputs(line_of(i).c_str(), file);
    std::fclose(file);
  }
  ~BigManifest() { fs::remove(path_); }
  BigManifest(const BigManifest&) = delete;
  BigManifest& operator=(const BigManifest&) = delete;

  static const fs::path& path() {
    static const BigManifest manifest;
    return manifest.path_;
  }

 private:
  fs::path path_;
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void open_1000000_studies(benchmark::State& state) {
  const fs::path& path = BigManifest::path();
  const double before = cpu_seconds();
  for (auto _ : state) {
    if (Manifest::read(path).size() != kStudies) state.SkipWithError("studies are missing");
  }
  state.counters["cpu_s"] = (cpu_seconds() - before) / static_cast<double>(state.iterations());
  state.counters["peak_mb"] = static_cast<double>(peak_memory_bytes()) / 1e6;
  state.counters["file_mb"] = static_cast<double>(fs::file_size(path)) / 1e6;
}
BENCHMARK(open_1000000_studies)
    ->Unit(benchmark::kSecond)
    ->UseRealTime()
    ->Iterations(1)
    ->Repetitions(3);

void read_studies(benchmark::State& state) {
  const Manifest manifest = Manifest::read(BigManifest::path());
  CounterRandom random(2, "bench-manifest", {});
  for (auto _ : state) benchmark::DoNotOptimize(manifest.study(random.below(manifest.size())));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_studies);

}  // namespace
}  // namespace biplane
