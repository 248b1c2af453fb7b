#pragma once

#include <cstdint>
#include <span>

#include "biplane/imaging/image.h"

namespace biplane {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};

// Perceptually uniform colour map for t in [0, 1] (clipped): lightness rises evenly from near black
// through violet and red to light yellow (OKLab).
Colour heat_colour(double t);

// Bilinear with half-pixel centres, edges repeated. rows, cols >= 1. Values need not lie in [0, 1].
FloatImage upsample_bilinear(const FloatImage& map, int rows, int cols);

struct HeatmapOptions {
  double opacity = 0.6;   // at the maximum of the map; falls linearly with the value
  bool normalise = true;  // stretch the map's min..max to 0..1; false: values are already in [0, 1]
};
// A small map (any size, for example patches) over an image of any size, stretched over all of it.
RgbImage overlay_heatmap(const GreyImage& image, const FloatImage& map,
                         const HeatmapOptions& options = {});

// Outer pixels of a mask (rows, cols) of the image's size: inside pixels with a 4-neighbour
// outside. Throws Error kUsage for another size.
void draw_mask_outline(RgbImage& image, std::span<const std::uint8_t> mask, Colour colour);

}  // namespace biplane
