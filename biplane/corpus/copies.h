#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "biplane/imaging/fingerprint.h"

namespace biplane {

// Two images are copies of each other from this resemblance on. Measured (docs/data.md): above
// are copies at JPEG quality 50 and half size but for a few of 48 pixels; two different phantom
// chests come to 0.983 at most.
constexpr double kCopyResemblance = 0.997;

// Groups of two and more images that are copies of each other, by their places in `prints`
// (ascending in a group; groups by their first image). An image without a fingerprint is in none.
//
// No comparison of all with all: images are sorted by 16 keys, each the signs of 32 fixed random
// sums of the fingerprint, and compared where a key is equal. A copy of resemblance 0.999 (0.997)
// differs in one key with a probability of 0.37 (0.55), so it is missed with 1e-7 (1e-4), while two
// chests share a key once in 1,000 to 10,000 pairs. Memory: 16 bytes an image besides `prints`.
std::vector<std::vector<std::int64_t>> copy_groups(
    const std::vector<std::optional<Fingerprint>>& prints, int threads);

}  // namespace biplane
