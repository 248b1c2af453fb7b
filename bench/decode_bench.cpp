// Speed of reading large radiographs into a padded square of 256 pixels, file to pixels;
// `items_per_second` is images a second, on one thread and on two. BIPLANE_IMAGES names a folder of
// JPEG files to read instead of the eight of 2500 x 3000 pixels (quality 95, with the noise of a
// detector) that are made here.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/core/files.h"
#include "biplane/core/random.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {
namespace {

using Paths = std::vector<std::filesystem::path>;

constexpr int kRows = 3000, kCols = 2500, kFiles = 8;

// Broad shapes and fine noise, 12 of 16 bit of it: about as hard to compress as a radiograph.
Grey16Image make_radiograph(std::uint64_t seed) {
  CounterRandom random(seed, "bench-decode");
  Grey16Image image{kRows, kCols, {}};
  image.pixels.reserve(std::size_t{kRows} * kCols);
  for (int y = 0; y < kRows; ++y)
    for (int x = 0; x < kCols; ++x) {
      const double shape = 130 + 80 * std::sin(y * 0.003) * std::cos(x * 0.004 + 1.0 * seed) +
                           20 * std::sin(x * 0.05) * std::sin(y * 0.04);
      const double noise = 7 * (random.uniform() - 0.5);
      image.pixels.push_back(static_cast<std::uint16_t>((shape + noise) * 16));
    }
  return image;
}

GreyImage eight_bit(const Grey16Image& wide) {
  GreyImage image = make_grey(wide.rows, wide.cols);
  std::transform(wide.pixels.begin(), wide.pixels.end(), image.pixels.begin(),
                 [](std::uint16_t value) { return static_cast<std::uint8_t>(value >> 4); });
  return image;
}

// The files of one kind, made once in a folder that goes when the program ends.
class Files {
 public:
  ~Files() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  static const Paths& jpeg() {
    static const Files files(
        "jpg", kFiles, [](const Grey16Image& image) { return encode_jpeg(eight_bit(image), 95); });
    return files.paths_;
  }
  static const Paths& png8() {
    static const Files files("png", 2,
                             [](const Grey16Image& image) { return encode_png(eight_bit(image)); });
    return files.paths_;
  }
  static const Paths& png16() {
    static const Files files("png", 2, [](const Grey16Image& image) { return encode_png(image); });
    return files.paths_;
  }

 private:
  template <class Encode>
  Files(const std::string& suffix, int count, Encode encode) {
    std::string name = (std::filesystem::temp_directory_path() / "bench_decode_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    for (int i = 0; i < count; ++i) {
      paths_.push_back(folder_ / (std::to_string(i) + "." + suffix));
      write_file_atomically(paths_.back(), encode(make_radiograph(static_cast<std::uint64_t>(i))));
    }
  }

  std::filesystem::path folder_;
  Paths paths_;
};

const Paths& jpegs() {
  static const Paths named = [] {
    Paths paths;
    const char* folder = std::getenv("BIPLANE_IMAGES");
    if (folder == nullptr) return paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".jpg") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    return paths;
  }();
  return named.empty() ? Files::jpeg() : named;
}

template <class Read>
void read_all(benchmark::State& state, const Paths& paths, Read read) {
  static std::atomic<std::size_t> next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(read(paths[next++ % paths.size()]));
  state.SetItemsProcessed(state.iterations());
}

FloatImage fitted(const std::filesystem::path& path) { return read_fitted_image(path, {}); }

// The same square by way of the full image, for comparison.
FloatImage fitted_from_full(const std::filesystem::path& path) {
  return fit_image(read_image(path, {}), {});
}

void jpeg_to_256(benchmark::State& state) { read_all(state, jpegs(), fitted); }
BENCHMARK(jpeg_to_256)->ThreadRange(1, 2)->UseRealTime()->Unit(benchmark::kMillisecond);

void jpeg_in_full_to_256(benchmark::State& state) { read_all(state, jpegs(), fitted_from_full); }
BENCHMARK(jpeg_in_full_to_256)->UseRealTime()->Unit(benchmark::kMillisecond);

void png_of_8_bit_to_256(benchmark::State& state) { read_all(state, Files::png8(), fitted); }
BENCHMARK(png_of_8_bit_to_256)->ThreadRange(1, 2)->UseRealTime()->Unit(benchmark::kMillisecond);

void png_of_16_bit_to_256(benchmark::State& state) { read_all(state, Files::png16(), fitted); }
BENCHMARK(png_of_16_bit_to_256)->ThreadRange(1, 2)->UseRealTime()->Unit(benchmark::kMillisecond);

void png_of_16_bit_as_float(benchmark::State& state) {
  const auto read = [](const std::filesystem::path& path) {
    const std::string content = read_file(path);
    return decode_float(std::as_bytes(std::span(content)), path.string());
  };
  read_all(state, Files::png16(), read);
}
BENCHMARK(png_of_16_bit_as_float)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace biplane
