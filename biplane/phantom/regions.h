#pragma once

#include <cstdint>
#include <vector>

#include "biplane/formats/rle.h"

namespace biplane {

// Boxes around the 4-connected regions of a square mask (size, size), row-major; in the order of
// their first pixel. Regions smaller than a tenth of the largest one are crumbs at edges and left
// out.
std::vector<PixelBox> region_boxes(const std::vector<std::uint8_t>& mask, int size);

}  // namespace biplane
