#include "biplane/phantom/patient.h"

#include <algorithm>

#include "biplane/core/random.h"
#include "biplane/phantom/spread.h"

namespace biplane {

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
  p.heart = spread(random, 0.965, 0.045);
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

}  // namespace biplane
