#include "biplane/phantom/patient.h"

#include <algorithm>

#include "biplane/core/random.h"

namespace biplane {
namespace {

// Normal deviate kept within two standard deviations: no body is absurd.
double spread(CounterRandom& random, double mean, double deviation) {
  return mean + deviation * std::clamp(random.normal(), -2.0, 2.0);
}

}  // namespace

Patient draw_patient(std::uint64_t seed, std::uint64_t patient) {
  CounterRandom random(seed, "phantom/patient", {patient});
  Patient p;
  p.female = random.bernoulli(0.48);
  p.age = static_cast<double>(22 + random.below(68));
  p.stature = spread(random, p.female ? 0.93 : 1.0, 0.035);
  p.width = spread(random, 1.0, 0.04);
  p.depth = spread(random, 1.0, 0.06);
  p.length = spread(random, 1.0, 0.04);
  p.fat = std::max(0.7, spread(random, 1.7, 0.6));
  p.breast = p.female ? std::max(0.0, spread(random, 4.6, 1.1)) : 0.0;
  p.heart = spread(random, 1.0, 0.045);
  p.heart_tilt = spread(random, 0.0, 0.10);
  p.dome_right = spread(random, 0.0, 0.6);
  p.dome_left = spread(random, 0.0, 0.6);
  p.sulcus_right = spread(random, 0.0, 0.8);
  p.sulcus_left = spread(random, 0.0, 0.8);
  p.kyphosis = spread(random, 0.010 * (p.age - 50), 0.4);
  p.aorta = spread(random, 0.9 + 0.003 * (p.age - 40), 0.06);
  p.bone = spread(random, 1.1 - 0.004 * (p.age - 40), 0.06);
  p.lung_density = spread(random, 0.25, 0.02);
  p.vessels = random.next_u64();
  CounterRandom past(seed, "phantom/surgery", {patient});
  p.sternotomy = past.bernoulli(0.15);
  p.clips = past.bernoulli(0.15);
  return p;
}

Acquisition draw_acquisition(std::uint64_t seed, std::uint64_t study) {
  CounterRandom random(seed, "phantom/acquisition", {study});
  Acquisition a;
  a.ap = random.bernoulli(0.12);
  a.faces_right = random.bernoulli(0.25);
  a.rotation_frontal = spread(random, 0.0, 0.04);
  a.rotation_lateral = spread(random, 0.0, 0.04);
  a.shift_x = spread(random, 0.0, 0.5);
  a.shift_z = spread(random, 0.0, 0.6);
  a.inspiration = spread(random, 0.0, 0.6);
  a.field = spread(random, 37.5, 0.7);
  a.exposure = spread(random, 1.0, 0.15);
  a.brightness = spread(random, 0.0, 0.025);
  a.contrast = spread(random, 1.0, 0.04);
  a.collimation = random.bernoulli(0.4) ? random.uniform(0.2, 1.4) : 0.0;
  a.gas = random.bernoulli(0.75) ? random.uniform(0.6, 1.2) : 0.0;
  return a;
}

}  // namespace biplane
