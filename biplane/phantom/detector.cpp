#include "biplane/phantom/detector.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "biplane/phantom/elementary.h"

namespace biplane {
namespace {

constexpr double kDistance = 180;
constexpr int kCells = 32;              // grid of the scatter field, which has no detail
constexpr double kScatterWidth = 4.5;   // standard deviation, cm at the detector
constexpr double kScatterShare = 0.45;  // of the primary, after the grid
constexpr float kVeil = 0.0015F;        // light and offset of the detector

Vec3 turned(Vec3 p, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  return {c * p.x - s * p.y, s * p.x + c * p.y, p.z};
}

// Turning the body by an angle is turning source and detector by its opposite.
Camera turn(Camera camera, double angle) {
  camera.source = turned(camera.source, -angle);
  camera.forward = turned(camera.forward, -angle);
  camera.right = turned(camera.right, -angle);
  return camera;
}

using Grid = std::array<std::array<double, kCells>, kCells>;

std::array<double, 2 * kCells> scatter_kernel(double cell) {
  std::array<double, 2 * kCells> kernel{};
  const double sigma = kScatterWidth / cell;
  double sum = 0;
  for (int d = -kCells; d <= kCells; ++d) sum += std::exp(-0.5 * d * d / (sigma * sigma));
  for (int d = 0; d < 2 * kCells; ++d)
    kernel[static_cast<std::size_t>(d)] = std::exp(-0.5 * d * d / (sigma * sigma)) / sum;
  return kernel;
}

// Gaussian along rows, then transposed; called twice it blurs both ways.
Grid blur_transpose(const Grid& in, const std::array<double, 2 * kCells>& kernel) {
  Grid out{};
  for (std::size_t r = 0; r < kCells; ++r)
    for (std::size_t c = 0; c < kCells; ++c) {
      double sum = 0;
      for (std::size_t k = 0; k < kCells; ++k) sum += in[r][k] * kernel[k > c ? k - c : c - k];
      out[c][r] = sum;
    }
  return out;
}

Grid cell_means(const PathImage& image, int size) {
  Grid sums{}, counts{};
  for (int r = 0; r < size; ++r) {
    const std::size_t gr = static_cast<std::size_t>(r * kCells / size);
    for (int c = 0; c < size; ++c) {
      const std::size_t gc = static_cast<std::size_t>(c * kCells / size);
      sums[gr][gc] += image[static_cast<std::size_t>(r) * static_cast<std::size_t>(size) +
                            static_cast<std::size_t>(c)];
      counts[gr][gc] += 1;
    }
  }
  for (std::size_t r = 0; r < kCells; ++r)
    for (std::size_t c = 0; c < kCells; ++c) sums[r][c] /= std::max(1.0, counts[r][c]);
  return sums;
}

// [w, 1 - 2w, w] in both directions: focal spot and detector.
void blur_detector(PathImage& image, int size) {
  constexpr float kWeight = 0.10F;
  const std::size_t n = static_cast<std::size_t>(size);
  const PathImage in = image;
  PathImage rows(in.size());
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t c = 0; c < n; ++c) {
      const std::size_t left = c > 0 ? c - 1 : 0, right = c + 1 < n ? c + 1 : c;
      rows[r * n + c] =
          in[r * n + c] + kWeight * (in[r * n + left] + in[r * n + right] - 2 * in[r * n + c]);
    }
  for (std::size_t r = 0; r < n; ++r) {
    const std::size_t above = r > 0 ? r - 1 : 0, below = r + 1 < n ? r + 1 : r;
    for (std::size_t c = 0; c < n; ++c)
      image[r * n + c] = rows[r * n + c] + kWeight * (rows[above * n + c] + rows[below * n + c] -
                                                      2 * rows[r * n + c]);
  }
}

// Window from grey levels inside the body, as an automatic exposure and display would set it.
Window find_window(const PathImage& density, const PathImage& body, const Acquisition& acquisition,
                   const Camera& camera) {
  constexpr int kBins = 1024;
  constexpr float kTop = 8.0F;
  std::array<std::int64_t, kBins> histogram{};
  std::int64_t total = 0;
  for (std::size_t i = 0; i < density.size(); ++i) {
    if (body[i] <= 3) continue;
    ++histogram[static_cast<std::size_t>(
        std::clamp(static_cast<int>(density[i] * (kBins / kTop)), 0, kBins - 1))];
    ++total;
  }
  const auto quantile = [&](double share) {
    std::int64_t seen = 0;
    int bin = 0;
    while (bin < kBins - 1 &&
           (seen += histogram[static_cast<std::size_t>(bin)]) < share * static_cast<double>(total))
      ++bin;
    return (static_cast<float>(bin) + 0.5F) * (kTop / kBins);
  };
  const float dark = quantile(camera.dark_share), bright = quantile(camera.bright_share);
  const float middle = 0.5F * (dark + bright), span = std::max(0.1F, bright - dark);
  const float half = 0.62F * span / static_cast<float>(acquisition.contrast);
  const float shift = static_cast<float>(acquisition.brightness) * span;
  return {middle - half - shift, middle + half - shift};
}

// S-shaped display curve 0.5 + 0.5 tanh(kCurve (t - 0.5)) of t = (density - low) / (high - low),
// stretched so that the thickest parts (abdomen, spine in the frontal view) burn out to plain
// white.
constexpr float kCurve = 2.3F;
constexpr float kStretch = 1.08F;

float curve(float density, const Window& window, float* slope) {
  const float scale = 1 / (window.high - window.low);
  const float bent = tanh_of(kCurve * ((density - window.low) * scale - 0.5F));
  const float shown = kStretch * (0.5F + 0.5F * bent);
  if (slope != nullptr)
    *slope = shown < 1 ? kStretch * 0.5F * kCurve * (1 - bent * bent) * scale : 0.0F;
  return std::min(1.0F, shown);
}

}  // namespace

Camera frontal_camera(const Acquisition& acquisition, int size) {
  Camera camera;
  const double towards = acquisition.ap ? 1 : -1;
  const double detector = towards * 15.5;
  camera.source = {acquisition.shift_x, detector - towards * kDistance, 0};
  camera.forward = {0, towards, 0};
  camera.right = {1, 0, 0};
  camera.up = {0, 0, 1};
  camera.field = acquisition.field;
  camera.centre_up = 0.2 + acquisition.shift_z;
  camera.size = size;
  return turn(camera, acquisition.rotation_frontal);
}

Camera lateral_camera(const Acquisition& acquisition, int size) {
  Camera camera;
  constexpr double kDetector = 20;
  camera.dark_share = 0.17;  // the thin edges of the trunk
  camera.bright_share = 0.86;
  camera.source = {kDetector - kDistance, -0.3 + acquisition.shift_x, 0};
  camera.forward = {1, 0, 0};
  camera.right = {0, acquisition.faces_right ? -1.0 : 1.0, 0};
  camera.up = {0, 0, 1};
  camera.field = acquisition.field;
  camera.centre_up =
      -1.6 + acquisition.shift_z;  // lower than the frontal view: the posterior sulci lie deep
  camera.size = size;
  return turn(camera, acquisition.rotation_lateral);
}

ShownValue show(float primary_attenuation, float scatter, const Radiograph& shot) {
  const float signal = exp_of(-primary_attenuation) + scatter;
  float slope = 0;
  const float value = curve(-log_of(signal), shot.window, &slope);
  return {value, slope / std::sqrt(signal * shot.photons)};
}

PathImage scatter_field(const PathImage& primary, const Camera& camera) {
  const int size = camera.size;
  const auto kernel = scatter_kernel(camera.field / kCells);
  const Grid field = blur_transpose(blur_transpose(cell_means(primary, size), kernel), kernel);
  PathImage total(primary.size());
  const float step = static_cast<float>(kCells) / static_cast<float>(size);
  for (int r = 0; r < size; ++r) {
    const float y = std::clamp((static_cast<float>(r) + 0.5F) * step - 0.5F, 0.0F, kCells - 1.001F);
    const std::size_t y0 = static_cast<std::size_t>(y);
    const double wy = static_cast<double>(y) - static_cast<double>(y0);
    std::array<float, kCells> line{};
    for (std::size_t c = 0; c < kCells; ++c)
      line[c] =
          static_cast<float>(kScatterShare * ((1 - wy) * field[y0][c] + wy * field[y0 + 1][c]));
    for (int c = 0; c < size; ++c) {
      const float x =
          std::clamp((static_cast<float>(c) + 0.5F) * step - 0.5F, 0.0F, kCells - 1.001F);
      const std::size_t x0 = static_cast<std::size_t>(x);
      const float wx = x - static_cast<float>(x0);
      const std::size_t i = static_cast<std::size_t>(r) * static_cast<std::size_t>(size) +
                            static_cast<std::size_t>(c);
      total[i] = line[x0] + wx * (line[x0 + 1] - line[x0]) + kVeil;
    }
  }
  return total;
}

void add_quantum_noise(PathImage& expected, CounterRandom& random) {
  for (float& count : expected) {
    // Sum of four uniform numbers: mean 2, variance 1/3, close to normal within 3.4 deviations.
    const std::uint64_t bits = random.next_u64();
    const std::uint32_t sum = static_cast<std::uint32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                                         (bits >> 32 & 0xFFFF) + (bits >> 48));
    const float deviate =
        (static_cast<float>(sum) * (1.0F / 65536) + (2.0F / 65536 - 2)) * 1.7320508F;
    count = std::max(1.0F, count + std::sqrt(count) * deviate);
  }
}

Radiograph expose(const PathImage& attenuation, const PathImage& body,
                  const Acquisition& acquisition, const Camera& camera, CounterRandom random) {
  const int size = camera.size;
  const double pixel = camera.field / size;
  Radiograph shot;
  shot.attenuation = attenuation;
  shot.photons = static_cast<float>(kFluence * acquisition.exposure * pixel * pixel);
  shot.border = static_cast<int>(std::lround(acquisition.collimation / pixel));
  PathImage signal(attenuation.size());
  for (std::size_t i = 0; i < signal.size(); ++i) signal[i] = exp_of(-attenuation[i]);
  shot.scatter = scatter_field(signal, camera);
  for (std::size_t i = 0; i < signal.size(); ++i)
    signal[i] = (signal[i] + shot.scatter[i]) * shot.photons;
  add_quantum_noise(signal, random);
  blur_detector(signal, size);
  for (float& value : signal) value = -log_of(value / shot.photons);
  shot.window = find_window(signal, body, acquisition, camera);
  shot.image = make_grey(size, size);
  for (int r = shot.border; r < size - shot.border; ++r)
    for (int c = shot.border; c < size - shot.border; ++c) {
      const std::size_t i = static_cast<std::size_t>(r) * static_cast<std::size_t>(size) +
                            static_cast<std::size_t>(c);
      shot.image.pixels[i] =
          static_cast<std::uint8_t>(curve(signal[i], shot.window, nullptr) * 255 + 0.5F);
    }
  return shot;
}

}  // namespace biplane
