#include "biplane/imaging/heatmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "biplane/core/error.h"
#include "biplane/imaging/drawing.h"

namespace biplane {
namespace {

struct LinearRgb {
  double red = 0, green = 0, blue = 0;
  bool in_gamut() const {
    const auto fits = [](double v) { return v >= -1e-6 && v <= 1 + 1e-6; };
    return fits(red) && fits(green) && fits(blue);
  }
};

// OKLab (Ottosson 2020) in polar form to linear sRGB. hue in radians.
LinearRgb from_oklch(double lightness, double chroma, double hue) {
  const double a = chroma * std::cos(hue), b = chroma * std::sin(hue);
  const auto cube = [](double v) { return v * v * v; };
  const double l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
  const double m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
  const double s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
  return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
          -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

std::uint8_t encode_srgb(double linear) {
  const double v = std::clamp(linear, 0.0, 1.0);
  const double encoded = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(encoded * 255));
}

constexpr int kSteps = 256;

// Lightness is linear in t; the hue turns from violet over red to yellow; chroma is what the sRGB
// gamut allows.
std::array<Colour, kSteps> build_colours() {
  std::array<Colour, kSteps> colours;
  for (int i = 0; i < kSteps; ++i) {
    const double t = static_cast<double>(i) / (kSteps - 1);
    const double lightness = 0.12 + 0.84 * t;
    const double hue = (-75.0 + 180.0 * t) * std::numbers::pi / 180;
    double chroma = 0.06 + 0.14 * std::sin(std::numbers::pi * std::min(1.0, 0.1 + 0.85 * t));
    LinearRgb rgb = from_oklch(lightness, chroma, hue);
    while (!rgb.in_gamut() && chroma > 0) {
      chroma -= 0.002;
      rgb = from_oklch(lightness, std::max(chroma, 0.0), hue);
    }
    colours[static_cast<std::size_t>(i)] = {encode_srgb(rgb.red), encode_srgb(rgb.green),
                                            encode_srgb(rgb.blue)};
  }
  return colours;
}

// Neighbours and weight for one output position of bilinear interpolation.
struct Between {
  int low = 0, high = 0;
  float share = 0;  // of `high`
};

std::vector<Between> bilinear_positions(int from, int to) {
  std::vector<Between> positions(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double at = std::clamp((i + 0.5) * from / to - 0.5, 0.0, from - 1.0);
    const int low = static_cast<int>(at);
    positions[static_cast<std::size_t>(i)] = {low, std::min(low + 1, from - 1),
                                              static_cast<float>(at - low)};
  }
  return positions;
}

}  // namespace

Colour heat_colour(double t) {
  static const std::array<Colour, kSteps> colours = build_colours();
  const double clipped = t > 0 ? std::min(t, 1.0) : 0.0;
  return colours[static_cast<std::size_t>(std::lround(clipped * (kSteps - 1)))];
}

FloatImage upsample_bilinear(const FloatImage& map, int rows, int cols) {
  if (map.rows < 1 || map.cols < 1 || rows < 1 || cols < 1)
    throw Error(ErrorKind::kUsage, fmt::format("a map of {} x {} stretched to {} x {}", map.rows,
                                               map.cols, rows, cols));
  const std::vector<Between> down = bilinear_positions(map.rows, rows);
  const std::vector<Between> across = bilinear_positions(map.cols, cols);
  FloatImage result = make_float(rows, cols);
  std::size_t next = 0;
  for (const Between& y : down) {
    const float* upper = map.pixels.data() + static_cast<std::ptrdiff_t>(y.low) * map.cols;
    const float* lower = map.pixels.data() + static_cast<std::ptrdiff_t>(y.high) * map.cols;
    for (const Between& x : across) {
      const float top = upper[x.low] + x.share * (upper[x.high] - upper[x.low]);
      const float bottom = lower[x.low] + x.share * (lower[x.high] - lower[x.low]);
      result.pixels[next++] = top + y.share * (bottom - top);
    }
  }
  return result;
}

RgbImage overlay_heatmap(const GreyImage& image, const FloatImage& map,
                         const HeatmapOptions& options) {
  const FloatImage large = upsample_bilinear(map, image.rows, image.cols);
  float low = 0, high = 1;
  if (options.normalise) {
    const auto [least, most] = std::minmax_element(map.pixels.begin(), map.pixels.end());
    low = *least;
    high = *most;
  }
  const float range = high > low ? high - low : 1;
  RgbImage result = to_rgb(image);
  for (std::size_t i = 0; i < large.pixels.size(); ++i) {
    const double value = std::clamp((large.pixels[i] - low) / range, 0.0F, 1.0F);
    const auto at = static_cast<std::int64_t>(i);
    paint_pixel(result, at / large.cols, at % large.cols, heat_colour(value),
                options.opacity * value);
  }
  return result;
}

void draw_mask_outline(RgbImage& image, std::span<const std::uint8_t> mask, Colour colour) {
  const std::int64_t rows = image.rows, cols = image.cols;
  if (mask.size() != static_cast<std::size_t>(rows * cols))
    throw Error(ErrorKind::kUsage,
                fmt::format("a mask of {} pixels on an image of {} x {}", mask.size(), rows, cols));
  const auto inside = [&](std::int64_t y, std::int64_t x) {
    return y >= 0 && x >= 0 && y < rows && x < cols &&
           mask[static_cast<std::size_t>(y * cols + x)] != 0;
  };
  for (std::int64_t y = 0; y < rows; ++y)
    for (std::int64_t x = 0; x < cols; ++x)
      if (inside(y, x) &&
          !(inside(y - 1, x) && inside(y + 1, x) && inside(y, x - 1) && inside(y, x + 1)))
        paint_pixel(image, y, x, colour);
}

}  // namespace biplane
