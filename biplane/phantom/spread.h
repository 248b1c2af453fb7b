#pragma once

#include <algorithm>

#include "biplane/core/random.h"

namespace biplane {

// Normal deviate kept within two standard deviations: neither body nor exposure is absurd.
inline double spread(CounterRandom& random, double mean, double deviation) {
  return mean + deviation * std::clamp(random.normal(), -2.0, 2.0);
}

}  // namespace biplane
