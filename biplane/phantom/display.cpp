#include "biplane/phantom/display.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace biplane {
namespace {

constexpr double kScatterWidth = 4.5;  // standard deviation, cm at the detector
constexpr double kLevelWidth = 3.5;    // of what the display takes for the smooth shadow
constexpr float kVeil = 0.0015F;       // light and offset of the detector
constexpr float kInside = 3.0F;        // cm of soft tissue from which a ray counts for the window

float quantile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

PathImage scatter_field(const PathImage& primary, const Camera& camera, double share) {
  PathImage field = smooth(primary, camera.size, kScatterWidth * camera.size / camera.field);
  for (float& value : field) value = static_cast<float>(share) * value + kVeil;
  return field;
}

Exposure settle_exposure(const ProjectedScene& body, const Camera& coarse,
                         const Acquisition& acquisition, int size) {
  PathImage density = body.attenuation();
  PathImage primary(density.size());
  for (std::size_t i = 0; i < primary.size(); ++i) primary[i] = exp_of(-density[i]);
  const PathImage scatter = scatter_field(primary, coarse, acquisition.style.scatter);
  for (std::size_t i = 0; i < primary.size(); ++i) density[i] = -log_of(primary[i] + scatter[i]);
  PathImage level = smooth(density, coarse.size, kLevelWidth * coarse.size / coarse.field);
  for (float& value : level) value *= static_cast<float>(acquisition.style.levelling);
  std::vector<float> inside;
  for (std::size_t i = 0; i < density.size(); ++i)
    if (body.body()[i] > kInside) inside.push_back(density[i] - level[i]);
  Exposure exposure;
  exposure.low = quantile(inside, coarse.dark_share);
  exposure.high = quantile(inside, coarse.bright_share);
  exposure.scatter = enlarged(scatter, coarse.size, size);
  exposure.level = enlarged(level, coarse.size, size);
  return exposure;
}

namespace {

constexpr float kSteep = 2.3F;    // slope in the middle of the window, of tanh
constexpr float kMargin = 0.12F;  // of the window beyond its two shares

}  // namespace

Curve display_curve(const Exposure& exposure, const Acquisition& acquisition) {
  const float middle = 0.5F * (exposure.low + exposure.high);
  const float span = std::max(0.1F, exposure.high - exposure.low);
  const float half = (0.5F + kMargin) * span / static_cast<float>(acquisition.contrast);
  const float shift = static_cast<float>(acquisition.brightness) * span;
  Curve curve;
  curve.middle = middle - shift;
  curve.scale = kSteep * 0.5F / half;
  curve.black = static_cast<float>(acquisition.style.black);
  curve.height = static_cast<float>(acquisition.style.white) - curve.black;
  return curve;
}

Opening view_opening(const Collimation& edges, const Camera& camera) {
  const auto pixels = [&](double cm) {
    return static_cast<int>(std::lround(cm * camera.size / camera.field));
  };
  return {pixels(edges.top), camera.size - pixels(edges.bottom), pixels(edges.left),
          camera.size - pixels(edges.right)};
}

namespace {

constexpr int kGlyphRows = 7, kGlyphCols = 5;
using Glyph = std::array<const char*, kGlyphRows>;
constexpr Glyph kLeft = {"#....", "#....", "#....", "#....", "#....", "#....", "#####"};
constexpr Glyph kRight = {"####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"};

// A pixel and its size, in letters' heights from a marker's centre.
struct MarkerPlace {
  double y = 0, x = 0, step = 0;
};

// Grey level of a marker at (y, x) in letters' heights from its centre; negative: none.
double marker_grey(const AcquisitionStyle& style, const Glyph& glyph, double y, double x) {
  const int row = static_cast<int>(std::floor((y + 0.5) * kGlyphRows));
  const int col = static_cast<int>(std::floor((x / 0.72 + 0.5) * kGlyphCols));
  const bool ink = row >= 0 && row < kGlyphRows && col >= 0 && col < kGlyphCols &&
                   glyph[static_cast<std::size_t>(row)][col] == '#';
  if (style.marker == MarkerKind::kDisc)
    return y * y + x * x > 0.81 ? -1 : ink ? style.black : style.white;
  if (ink) return style.white;
  const double frame = std::max(std::abs(y), std::abs(x));
  return style.marker == MarkerKind::kBoxed && frame > 0.72 && frame < 0.86 ? style.white : -1;
}

// A pixel's grey level with the marker over it: mean of 3 x 3 places in it.
double marked_grey(const AcquisitionStyle& style, const Glyph& glyph, const MarkerPlace& at,
                   double under) {
  double sum = 0;
  for (const double dy : {-1.0, 0.0, 1.0})
    for (const double dx : {-1.0, 0.0, 1.0}) {
      const double grey =
          marker_grey(style, glyph, at.y + dy * at.step / 3, at.x + dx * at.step / 3);
      sum += grey < 0 ? under : grey;
    }
  return sum / 9;
}

}  // namespace

void draw_marker(const Acquisition& acquisition, bool lateral, const Opening& opening,
                 const Camera& camera, GreyImage& image) {
  if (acquisition.style.marker == MarkerKind::kNone) return;
  if (!(lateral ? acquisition.marker_lateral : acquisition.marker_frontal)) return;
  const double pixel = camera.field / camera.size;
  constexpr double kLetter = 1.1, kMargin = 1.6, kFree = 2.0;  // cm
  const bool on_left =
      lateral ? acquisition.marks_right == acquisition.faces_right : acquisition.marks_right;
  const double inset = (kMargin + kFree * acquisition.marker_x) / pixel;
  const double col = on_left ? opening.left + inset : opening.right - inset;
  const double row = opening.top + (kMargin + kFree * acquisition.marker_y) / pixel;
  const Glyph& glyph = acquisition.marks_right && !lateral ? kRight : kLeft;
  for (int r = opening.top; r < opening.bottom; ++r) {
    const double y = (r - row) * pixel / kLetter;
    if (std::abs(y) > 1) continue;
    for (int c = opening.left; c < opening.right; ++c) {
      const double x = (c - col) * pixel / kLetter;
      if (std::abs(x) > 1) continue;
      std::uint8_t& value =
          image.pixels[static_cast<std::size_t>(r) * static_cast<std::size_t>(camera.size) +
                       static_cast<std::size_t>(c)];
      const double grey =
          marked_grey(acquisition.style, glyph, {y, x, pixel / kLetter}, value / 255.0);
      value = static_cast<std::uint8_t>(grey * 255 + 0.5);
    }
  }
}

}  // namespace biplane
