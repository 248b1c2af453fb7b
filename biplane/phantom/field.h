#pragma once

#include <cstdint>
#include <vector>

namespace biplane {

// Square images of floats, row-major (size, size).
using PathImage = std::vector<float>;

// Gaussian blur with a standard deviation in pixels; the edge pixels go on outside.
PathImage smooth(const PathImage& in, int size, double sigma);

// Bilinear enlargement from `cells` to `size` pixels a side.
PathImage enlarged(const PathImage& small, int cells, int size);

// Random structure without a scale of its own, such as unresolved vessels and strands give: sum of
// octaves from kCoarsestTexture down to the pixel, with a power spectrum near k^-2.4. Mean 0; the
// octave of 1 cm has a standard deviation of about 0.4. Pure function of its arguments.
inline constexpr double kCoarsestTexture = 2.4;  // spacing of random values, cm
PathImage texture_field(std::uint64_t key, int size, double field_cm);

}  // namespace biplane
