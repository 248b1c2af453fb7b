#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "biplane/eval/metrics.h"

namespace biplane {

// The candidates of one query by falling score. Of equal scores those that do not match come first,
// so ties count against the model.
class RankedMatches {
 public:
  // Throws Error kUsage for sizes that do not fit, kFailure for a score that is not finite.
  RankedMatches(Values score, Flags match);

  std::int64_t matches() const { return matches_; }
  // Share of matches among the k first candidates, each of which stands there `weight` times
  // (empty: once). Undefined where there are fewer than k.
  std::optional<double> precision_at(std::int64_t k, Values weight = {}) const;
  // Mean of the precision at the place of every match. Undefined without one.
  std::optional<double> average_precision() const;

 private:
  std::vector<std::uint32_t> order_;  // candidates
  std::vector<std::uint8_t> match_;   // in that order
  std::int64_t matches_ = 0;
};

}  // namespace biplane
