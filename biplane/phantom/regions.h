#pragma once

#include <cstdint>
#include <vector>

namespace biplane {

// Whole pixels, 0-based corner; covers columns x .. x+w-1 and rows y .. y+h-1.
struct RegionBox {
  std::int64_t x = 0, y = 0, w = 0, h = 0;
};

// Boxes around the 4-connected regions of a square mask (size, size), row-major; in the order of
// their first pixel. Regions smaller than a tenth of the largest one are crumbs at edges and left
// out.
std::vector<RegionBox> region_boxes(const std::vector<std::uint8_t>& mask, int size);

}  // namespace biplane
