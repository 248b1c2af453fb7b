#include "tests/guards/guard_data.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "biplane/core/parallel.h"
#include "biplane/phantom/anatomy_mask.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/study_maker.h"

namespace biplane::testing {
namespace {

constexpr std::int64_t kSize = 96;

PhantomOptions phantom_options() {
  PhantomOptions options;
  const char* asked = std::getenv("BIPLANE_GUARD_STUDIES");
  options.studies = asked == nullptr ? 6000 : std::atoll(asked);
  options.test = options.validate = 0;
  options.size = kSize;
  options.frontal_only = options.lateral_only = 0;
  return options;
}

using Mask = std::vector<std::uint8_t>;

// Mean grey level of each edge of the image, outside the mask: a tube enters through the upper one.
void add_borders(const GreyImage& image, const Mask& mask, std::vector<double>& features) {
  const auto mean = [&](int first, int step) {
    double sum = 0, count = 1e-9;
    for (int k = 0; k < image.cols; ++k) {
      const std::size_t i = static_cast<std::size_t>(first + k * step);
      if (mask[i] != 0) continue;
      sum += image.pixels[i];
      ++count;
    }
    return sum / count;
  };
  for (const int edge : {0, image.rows - 1}) {
    features.push_back(mean(edge * image.cols, 1));
    features.push_back(mean(edge, image.cols));
  }
}

// Shares of the grey levels outside the mask, and what neighbours differ by in dark, middle and
// bright places: the noise.
void add_texture(const GreyImage& image, const Mask& mask, std::vector<double>& features) {
  constexpr std::size_t kBins = 16, kBands = 3;
  std::array<double, kBins> histogram{};
  std::array<double, kBands> rough{}, seen{};
  double outside = 1e-9;
  for (int y = 1; y + 1 < image.rows; ++y)
    for (int x = 1; x + 1 < image.cols; ++x) {
      const std::size_t i = static_cast<std::size_t>(y * image.cols + x),
                        n = static_cast<std::size_t>(image.cols);
      if (mask[i] != 0 || mask[i - 1] != 0 || mask[i + 1] != 0 || mask[i - n] != 0 ||
          mask[i + n] != 0)
        continue;
      const auto& p = image.pixels;
      ++outside;
      ++histogram[p[i] * kBins / 256];
      const std::size_t band = p[i] * kBands / 256;
      ++seen[band];
      rough[band] += std::abs(4.0 * p[i] - p[i - 1] - p[i + 1] - p[i - n] - p[i + n]);
    }
  for (const double count : histogram) features.push_back(count / outside);
  for (std::size_t band = 0; band < kBands; ++band)
    features.push_back(rough[band] / std::max(1.0, seen[band]));
}

void put(const GreyImage& image, torch::Tensor target) {
  std::copy(image.pixels.begin(), image.pixels.end(), target.data_ptr<std::uint8_t>());
}

void make_study(const PhantomOptions& options, std::int64_t i, GuardData& data) {
  const DrawnStudy drawn = draw_study(options, place_study(options, i));
  PhantomStudy study = make_phantom_study(options, i);
  std::vector<double>& features = data.appearance[static_cast<std::size_t>(i)];
  for (const bool lateral : {false, true}) {
    GreyImage& image = lateral ? study.lateral : study.frontal;
    const Mask mask = anatomy_mask(drawn.patient, drawn.acquisition, lateral, int(kSize));
    put(image, data.views.images[i][lateral ? 1 : 0]);
    add_borders(image, mask, features);
    add_texture(image, mask, features);
    for (std::size_t k = 0; k < mask.size(); ++k)
      if (mask[k] != 0) image.pixels[k] = 0;
    put(image, data.outside.images[i][lateral ? 1 : 0]);
  }
  for (const double value :
       {drawn.patient.age, drawn.patient.female ? 1.0 : 0.0, drawn.acquisition.ap ? 1.0 : 0.0,
        drawn.acquisition.faces_right ? 1.0 : 0.0})
    features.push_back(value);
  float* labels = data.views.labels[i].data_ptr<float>();
  for (const Finding& finding : drawn.findings) labels[static_cast<int>(finding.kind)] = 1;
  labels[kFindingKinds] = drawn.patient.female ? 1 : 0;
}

GuardData make_data() {
  const PhantomOptions options = phantom_options();
  const std::int64_t count = options.studies;
  GuardData data;
  data.views.images = torch::zeros({count, 2, kSize, kSize}, torch::kUInt8);
  data.outside.images = torch::zeros({count, 2, kSize, kSize}, torch::kUInt8);
  data.views.labels = torch::zeros({count, kFindingKinds + 1});
  data.views.names.assign(finding_names().begin(), finding_names().end());
  data.views.names.emplace_back("female");
  data.appearance.resize(static_cast<std::size_t>(count));
  parallel_for(count, resolve_threads(0), [&](std::int64_t i) { make_study(options, i, data); });
  for (std::int64_t i = 0; i < count; ++i)
    data.bright.push_back(draw_study(options, place_study(options, i)).acquisition.brightness > 0);
  data.outside.labels = data.views.labels;
  data.outside.names = data.views.names;
  return data;
}

}  // namespace

const GuardData& guard_data() {
  static const GuardData data = make_data();
  return data;
}

}  // namespace biplane::testing
