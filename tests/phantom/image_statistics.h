#pragma once

#include <array>
#include <vector>

#include "biplane/imaging/image.h"

namespace biplane::testing {

// What phantom and real radiographs are compared by.

// Cumulative shares of the grey levels 0 .. 255.
using GreyShares = std::array<double, 256>;
GreyShares grey_shares(const GreyImage& image);
// Earth mover's distance of two histograms, in grey levels.
double earth_mover(const GreyShares& a, const GreyShares& b);

// Exponent s of a radial power spectrum k^-s, from the energies of kOctaves octave bands: band l is
// the mean square of what the image of level l has over its means of 2 x 2 pixels, which make level
// l + 1. In two dimensions a band's energy grows by 2^(s - 2) a level; s is fitted by least
// squares. For square images of 256 pixels the bands span waves of 2 to 64 pixels.
inline constexpr int kOctaves = 5;
double spectrum_exponent(const GreyImage& image);

// Value below which the share `q` of the values lies. Needs one value.
double quantile(std::vector<double> values, double q);

}  // namespace biplane::testing
