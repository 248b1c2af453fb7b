#include "biplane/phantom/detector.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "biplane/phantom/elementary.h"

namespace biplane {
namespace {

constexpr double kDistance = 180;        // source to detector, cm
constexpr double kDetectorBlur = 0.015;  // standard deviation, cm; a style can add to it
constexpr double kLateralDose = 3;       // photons of the lateral, which has more to go through

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

Camera upright_camera(const Acquisition& acquisition, double field, int size) {
  Camera camera;
  camera.up = {0, 0, 1};
  camera.distance = kDistance;
  camera.field = field;
  camera.size = size;
  camera.water = acquisition.style.water;
  camera.bone = acquisition.style.bone;
  return camera;
}

// One pass of [w, 1 - 2w, w] both ways; the edge pixels go on outside.
void blur_once(PathImage& image, PathImage& rows, std::size_t n, float w) {
  for (std::size_t r = 0; r < n; ++r) {
    const float* in = image.data() + r * n;
    float* out = rows.data() + r * n;
    for (std::size_t c = 1; c + 1 < n; ++c)
      out[c] = in[c] + w * (in[c - 1] + in[c + 1] - 2 * in[c]);
    out[0] = in[0] + w * (in[1] - in[0]);
    out[n - 1] = in[n - 1] + w * (in[n - 2] - in[n - 1]);
  }
  for (std::size_t r = 0; r < n; ++r) {
    const float* in = rows.data() + r * n;
    const float* above = rows.data() + (r > 0 ? r - 1 : r) * n;
    const float* below = rows.data() + (r + 1 < n ? r + 1 : r) * n;
    float* out = image.data() + r * n;
    for (std::size_t c = 0; c < n; ++c) out[c] = in[c] + w * (above[c] + below[c] - 2 * in[c]);
  }
}

// The display's edges: what a pixel has over its neighbourhood, `weight` times.
void enhance(PathImage& image, int size, double weight) {
  if (weight == 0) return;
  constexpr double kReach = 1.2;  // pixels
  PathImage soft = image;
  blur_image(soft, size, kReach);
  for (std::size_t i = 0; i < image.size(); ++i)
    image[i] += static_cast<float>(weight) * (image[i] - soft[i]);
}

// The collimator's penumbra: what it lets through of the pixels begin .. end - 1.
std::vector<float> open_share(int begin, int end, double pixel) {
  constexpr double kPenumbra = 0.5;  // cm
  std::vector<float> share(static_cast<std::size_t>(std::max(0, end - begin)));
  for (int i = begin; i < end; ++i)
    share[static_cast<std::size_t>(i - begin)] = static_cast<float>(
        std::min(1.0, (std::min(i - begin, end - 1 - i) + 0.5) * pixel / kPenumbra));
  return share;
}

// Grey levels of what the collimator leaves open.
GreyImage develop(const PathImage& density, const Radiograph& shot, const Camera& camera,
                  const Acquisition& acquisition) {
  GreyImage image = make_grey(camera.size, camera.size);
  const std::size_t n = static_cast<std::size_t>(camera.size);
  std::fill(image.pixels.begin(), image.pixels.end(),
            static_cast<std::uint8_t>(acquisition.style.surround * 255 + 0.5));
  const Curve curve = shot.curve;
  const float surround = static_cast<float>(acquisition.style.surround);
  const double pixel = camera.field / camera.size;
  const std::vector<float> across = open_share(shot.opening.left, shot.opening.right, pixel),
                           down = open_share(shot.opening.top, shot.opening.bottom, pixel);
  const std::size_t begin = static_cast<std::size_t>(shot.opening.left),
                    end = static_cast<std::size_t>(shot.opening.right);
  for (std::size_t r = static_cast<std::size_t>(shot.opening.top);
       r < static_cast<std::size_t>(shot.opening.bottom); ++r) {
    const float* value = density.data() + r * n;
    const float* level = shot.exposure.level.data() + r * n;
    const float row = down[r - static_cast<std::size_t>(shot.opening.top)];
    const float* share = across.data() - shot.opening.left;
    std::uint8_t* out = image.pixels.data() + r * n;
    for (std::size_t c = begin; c < end; ++c) {
      const float grey = curve.grey(curve.bend(value[c] - level[c]));
      out[c] =
          static_cast<std::uint8_t>((surround + row * share[c] * (grey - surround)) * 255 + 0.5F);
    }
  }
  return image;
}

// Exact for any mean; a few steps where the mean is small.
float poisson(float mean, double u) {
  double term = static_cast<double>(exp_of(-mean)), sum = term;
  float count = 0;
  while (u > sum && count < 4 * kFewPhotons) {
    count += 1;
    term *= static_cast<double>(mean / count);
    sum += term;
  }
  return count;
}

}  // namespace

Camera frontal_camera(const Acquisition& acquisition, int size) {
  Camera camera = upright_camera(acquisition, acquisition.field, size);
  const double towards = acquisition.ap ? 1 : -1;
  const double detector = towards * 15.5;
  camera.distance = acquisition.ap ? acquisition.style.near : kDistance;
  camera.source = {acquisition.shift_x, detector - towards * camera.distance, 0};
  camera.forward = {0, towards, 0};
  camera.right = {1, 0, 0};
  camera.centre_up = 0.2 + acquisition.shift_z;
  return turn(camera, acquisition.rotation_frontal);
}

Camera lateral_camera(const Acquisition& acquisition, int size) {
  Camera camera = upright_camera(acquisition, acquisition.field_lateral, size);
  constexpr double kDetector = 20;
  camera.dark_share = 0.08;
  camera.bright_share = 0.80;
  camera.source = {kDetector - kDistance, -0.3 + acquisition.shift_x, 0};
  camera.forward = {1, 0, 0};
  camera.right = {0, acquisition.faces_right ? -1.0 : 1.0, 0};
  // Lower than the frontal view: the posterior sulci lie deep.
  camera.centre_up = -1.6 + acquisition.shift_z;
  return turn(camera, acquisition.rotation_lateral);
}

double geometric_blur(const Camera& camera, double focal_spot) {
  const double middle = dot(Vec3{} - camera.source, camera.forward);
  const double penumbra = focal_spot * (camera.distance / middle - 1);
  const double pixel = camera.field / camera.size;
  return std::sqrt((penumbra * penumbra + pixel * pixel) / 12);
}

void blur_image(PathImage& image, int size, double sigma) {
  constexpr double kMost = 0.5, kLeast = 0.01;  // variance of a pass; below it nothing shows
  const double variance = sigma * sigma;
  if (variance < kLeast) return;
  const int passes = static_cast<int>(std::ceil(variance / kMost));
  PathImage rows(image.size());
  for (int pass = 0; pass < passes; ++pass)
    blur_once(image, rows, static_cast<std::size_t>(size),
              static_cast<float>(0.5 * variance / passes));
}

void add_quantum_noise(PathImage& expected, CounterRandom& random) {
  for (float& count : expected) {
    const std::uint64_t bits = random.next_u64();
    if (count < kFewPhotons) {
      count = poisson(count, static_cast<double>(bits >> 11) * 0x1.0p-53);
      continue;
    }
    // Sum of four uniform numbers: mean 2, variance 1/3, close to normal within 3.4 deviations.
    const std::uint32_t sum = static_cast<std::uint32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                                         (bits >> 32 & 0xFFFF) + (bits >> 48));
    const float deviate =
        (static_cast<float>(sum) * (1.0F / 65536) + (2.0F / 65536 - 2)) * 1.7320508F;
    count += std::sqrt(count) * deviate;
  }
}

Radiograph expose(PathImage attenuation, Exposure exposure, const Acquisition& acquisition,
                  const Camera& camera, CounterRandom random) {
  const int size = camera.size;
  const double pixel = camera.field / size;
  const bool lateral = camera.forward.x > 0.5;
  Radiograph shot;
  const double dose = lateral ? kLateralDose : 1.0;
  shot.photons = static_cast<float>(kFluence * dose * acquisition.exposure * pixel * pixel);
  shot.opening =
      view_opening(lateral ? acquisition.lateral_edges : acquisition.frontal_edges, camera);
  shot.curve = display_curve(exposure, acquisition);
  PathImage signal(attenuation.size());
  for (std::size_t i = 0; i < signal.size(); ++i)
    signal[i] = (exp_of(-attenuation[i]) + exposure.scatter[i]) * shot.photons;
  blur_image(signal, size, geometric_blur(camera, acquisition.style.focal_spot) / pixel);
  add_quantum_noise(signal, random);
  const double own = acquisition.style.sharpness;
  blur_image(signal, size, std::sqrt(kDetectorBlur * kDetectorBlur + own * own) / pixel);
  const float scale = 1 / shot.photons;
  for (float& value : signal) value = -log_of(std::max(1.0F, value) * scale);
  enhance(signal, size, acquisition.style.enhancement);
  shot.attenuation = std::move(attenuation);
  shot.exposure = std::move(exposure);
  shot.image = develop(signal, shot, camera, acquisition);
  draw_marker(acquisition, lateral, shot.opening, camera, shot.image);
  shot.density = std::move(signal);
  return shot;
}

FloatImage shown_values(const Radiograph& shot) {
  FloatImage values = to_float(shot.image);
  for (std::size_t i = 0; i < values.pixels.size(); ++i) {
    const float value = shot.curve.grey(shot.curve.bend(shot.density[i] - shot.exposure.level[i]));
    // What the collimator covers and the marker keep the grey level they were given.
    if (static_cast<std::uint8_t>(value * 255 + 0.5F) == shot.image.pixels[i])
      values.pixels[i] = value;
  }
  return values;
}

}  // namespace biplane
