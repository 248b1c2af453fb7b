// Speed of the DICOM reader on one core, on the real files of BIPLANE_TEST_DATA (default
// ../shared/data): from the file to a padded square of 256 pixels. `all` reads every file once an
// iteration; `items_per_second` is files a second. Run in the repository root.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "biplane/imaging/dicom.h"
#include "biplane/imaging/preprocess.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

void read_square(const fs::path& path) {
  PreprocessOptions options;
  options.fit = "longest";
  options.size = 256;
  benchmark::DoNotOptimize(read_fitted_image(path, options));
}

bool register_files() {
  std::vector<fs::path> files;
  const fs::path root = testing::test_data("dicom");
  if (!fs::exists(root)) return false;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.path().extension() == ".dcm") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  const auto count = static_cast<std::int64_t>(files.size());
  benchmark::RegisterBenchmark("all", [files, count](benchmark::State& state) {
    for (auto _ : state)
      for (const fs::path& path : files) read_square(path);
    state.SetItemsProcessed(count * state.iterations());
  })->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("headers", [files, count](benchmark::State& state) {
    for (auto _ : state)
      for (const fs::path& path : files) benchmark::DoNotOptimize(read_dicom_header(path));
    state.SetItemsProcessed(count * state.iterations());
  })->Unit(benchmark::kMillisecond);
  for (const fs::path& path : files)
    benchmark::RegisterBenchmark(path.filename().c_str(), [path](benchmark::State& state) {
      for (auto _ : state) read_square(path);
      state.SetItemsProcessed(state.iterations());
    })->Unit(benchmark::kMillisecond);
  return true;
}

const bool registered = register_files();

}  // namespace
}  // namespace biplane
