#include "biplane/phantom/acquisition.h"

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/phantom/spread.h"

namespace biplane {
namespace {

AcquisitionStyle style(const char* name) {
  AcquisitionStyle s;
  s.name = name;
  return s;
}

// Upright digital radiography at 120 kV with a grid: the middle of all others.
AcquisitionStyle standard_style() {
  AcquisitionStyle s = style("standard");
  s.enhancement = 0.3;
  s.marker = MarkerKind::kLetter;
  s.marked = 0.6;
  return s;
}

// Frontal from the front at the bed: near source, little grid, few photons.
AcquisitionStyle bedside_style() {
  AcquisitionStyle s = style("bedside");
  s.ap = 1;
  s.enhancement = 0.3;
  s.scatter = 0.55;
  s.exposure = 0.5;
  s.sharpness = 0.02;
  s.contrast = 0.95;
  s.marker = MarkerKind::kBoxed;
  s.marked = 0.5;
  return s;
}

// 90 kV: bones stand out.
AcquisitionStyle soft_style() {
  AcquisitionStyle s = style("soft");
  s.enhancement = 0.3;
  s.water = 0.212;
  s.bone = 1.25;
  s.exposure = 0.8;
  s.contrast = 1.1;
  s.white = 0.92;
  s.marker = MarkerKind::kLetter;
  s.marked = 0.4;
  return s;
}

// 140 kV: wide latitude, pale bones.
AcquisitionStyle hard_style() {
  AcquisitionStyle s = style("hard");
  s.enhancement = 0.3;
  s.water = 0.190;
  s.bone = 0.80;
  s.exposure = 1.3;
  s.levelling = 0.45;
  s.white = 0.80;
  s.marker = MarkerKind::kDisc;
  s.marked = 0.5;
  return s;
}

// Digitised film: steep curve, black lungs, pale borders of the light box.
AcquisitionStyle film_style() {
  AcquisitionStyle s = style("film");
  s.levelling = 0.2;
  s.contrast = 1.05;
  s.black = 0.04;
  s.white = 0.90;
  s.sharpness = 0.03;
  s.exposure = 0.7;
  s.collimated = 0.6;
  s.surround = 0.03;
  s.marker = MarkerKind::kBoxed;
  s.marked = 0.6;
  return s;
}

// Reduced for print or the web: flat, grey, soft.
AcquisitionStyle archive_style() {
  AcquisitionStyle s = style("archive");
  s.contrast = 0.8;
  s.black = 0.12;
  s.white = 0.78;
  s.sharpness = 0.05;
  s.collimated = 0.3;
  s.surround = 0.06;
  return s;
}

// Multi-scale processing: levelled greys, hard edges.
AcquisitionStyle processed_style() {
  AcquisitionStyle s = style("processed");
  s.levelling = 0.55;
  s.contrast = 1.1;
  s.enhancement = 0.6;
  s.marker = MarkerKind::kDisc;
  s.marked = 0.7;
  return s;
}

// Small dose without a grid.
AcquisitionStyle low_dose_style() {
  AcquisitionStyle s = style("low_dose");
  s.ap = 0.3;
  s.scatter = 0.5;
  s.exposure = 0.2;
  s.focal_spot = 0.15;
  s.levelling = 0.35;
  s.white = 0.88;
  s.collimated = 0.9;
  s.marker = MarkerKind::kLetter;
  s.marked = 0.3;
  return s;
}

Collimation draw_edges(CounterRandom& random, double width, double height) {
  Collimation c;
  c.left = random.uniform(0.0, width);
  c.right = random.uniform(0.0, width);
  c.top = random.uniform(0.0, height);
  c.bottom = random.uniform(0.0, height);
  return c;
}

}  // namespace

const std::vector<AcquisitionStyle>& acquisition_styles() {
  static const std::vector<AcquisitionStyle> styles = {
      standard_style(), bedside_style(), soft_style(),      hard_style(),
      film_style(),     archive_style(), processed_style(), low_dose_style()};
  return styles;
}

std::size_t acquisition_style_number(const std::string& name) {
  const auto& styles = acquisition_styles();
  std::string names;
  for (std::size_t i = 0; i < styles.size(); ++i) {
    if (name == styles[i].name) return i;
    names += std::string(i == 0 ? "" : ", ") + styles[i].name;
  }
  throw Error(ErrorKind::kUsage, "phantom: style must be one of " + names + ", not " + name);
}

Acquisition draw_acquisition(std::uint64_t seed, std::uint64_t study,
                             const std::vector<std::string>& styles) {
  CounterRandom choice(seed, "phantom/style", {study});
  const auto count =
      static_cast<std::int64_t>(styles.empty() ? acquisition_styles().size() : styles.size());
  const auto chosen = static_cast<std::size_t>(choice.below(count));
  Acquisition a;
  a.style =
      acquisition_styles()[styles.empty() ? chosen : acquisition_style_number(styles[chosen])];
  CounterRandom random(seed, "phantom/acquisition", {study});
  a.ap = random.bernoulli(a.style.ap);
  a.faces_right = random.bernoulli(0.25);
  a.rotation_frontal = spread(random, 0.0, 0.04);
  a.rotation_lateral = spread(random, 0.0, 0.04);
  a.shift_x = spread(random, 0.0, 0.5);
  a.shift_z = spread(random, 0.0, 0.6);
  a.inspiration = spread(random, 0.0, 0.6);
  a.field = spread(random, 41.5, 0.9);
  a.field_lateral = spread(random, 37.0, 0.8);
  a.exposure = a.style.exposure * spread(random, 1.0, 0.15);
  a.brightness = spread(random, 0.0, 0.025);
  a.contrast = a.style.contrast * spread(random, 1.0, 0.05);
  if (random.bernoulli(a.style.collimated)) {
    a.frontal_edges = draw_edges(random, 1.0, 3.0);
    a.lateral_edges = draw_edges(random, 3.5, 0.8);
  }
  a.gas = random.bernoulli(0.75) ? random.uniform(0.6, 1.2) : 0.0;
  a.marker_frontal = random.bernoulli(a.style.marked);
  a.marker_lateral = random.bernoulli(a.style.marked);
  a.marks_right = random.bernoulli(0.35);
  a.marker_x = random.uniform();
  a.marker_y = random.uniform();
  return a;
}

}  // namespace biplane
