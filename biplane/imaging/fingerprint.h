#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "biplane/imaging/image.h"

namespace biplane {

// What an image shows, in a form that survives re-encoding, resizing and changes of brightness or
// contrast, and by which copies are told from other chest radiographs, however alike those are.
//
// Sides above 128 pixels are shrunk to 128; of the image's cosine transform the 14 x 14 lowest
// frequencies but the mean are kept, each times its frequency (which lets ribs and vessels count as
// much as the coarse shape that all chests share), scaled to length kScale. So a product of two
// fingerprints is the correlation of the two images' blurred gradients. Small images are not
// enlarged, which would blur them more than their originals.
struct Fingerprint {
  static constexpr int kSide = 14;
  static constexpr int kSize = kSide * kSide;
  static constexpr double kScale = 16384;
  std::array<std::int16_t, kSize> values{};  // values[0] (the mean) is 0
};

// None for an image of one grey, which has nothing to compare. rows, cols >= 1.
std::optional<Fingerprint> fingerprint(const GreyImage& image);

// -1 .. 1; 1: the same. Symmetric, and exact in integers: equal on every machine.
double resemblance(const Fingerprint& a, const Fingerprint& b);

}  // namespace biplane
