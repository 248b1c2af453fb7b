#pragma once

#include <optional>

#include "biplane/eval/metrics.h"

namespace biplane {

// brier() and ece15() with a weight for each row (empty: 1 each); undefined where nothing has
// weight.
std::optional<double> brier(Values probability, Flags positive, Values weight);
std::optional<double> ece15(Values probability, Flags positive, Values weight);

}  // namespace biplane
