#include "biplane/phantom/regions.h"

#include <algorithm>

namespace biplane {
namespace {

struct Region {
  std::int64_t area = 0;
  int top = 0, bottom = 0, left = 0, right = 0;
};

// Fills one region from `seed`, clearing it from the mask.
Region take_region(std::vector<std::uint8_t>& mask, int size, int seed) {
  Region region{0, seed / size, seed / size, seed % size, seed % size};
  std::vector<int> open = {seed};
  mask[static_cast<std::size_t>(seed)] = 0;
  while (!open.empty()) {
    const int pixel = open.back(), row = pixel / size, col = pixel % size;
    open.pop_back();
    ++region.area;
    region.top = std::min(region.top, row);
    region.bottom = std::max(region.bottom, row);
    region.left = std::min(region.left, col);
    region.right = std::max(region.right, col);
    const auto visit = [&](bool inside, int next) {
      if (!inside || mask[static_cast<std::size_t>(next)] == 0) return;
      mask[static_cast<std::size_t>(next)] = 0;
      open.push_back(next);
    };
    visit(row > 0, pixel - size);
    visit(row + 1 < size, pixel + size);
    visit(col > 0, pixel - 1);
    visit(col + 1 < size, pixel + 1);
  }
  return region;
}

}  // namespace

std::vector<RegionBox> region_boxes(const std::vector<std::uint8_t>& mask, int size) {
  std::vector<std::uint8_t> left = mask;
  std::vector<Region> regions;
  std::int64_t largest = 0;
  for (int pixel = 0; pixel < size * size; ++pixel) {
    if (left[static_cast<std::size_t>(pixel)] == 0) continue;
    regions.push_back(take_region(left, size, pixel));
    largest = std::max(largest, regions.back().area);
  }
  std::vector<RegionBox> boxes;
  for (const Region& r : regions)
    if (10 * r.area >= largest)
      boxes.push_back({r.left, r.top, r.right - r.left + 1, r.bottom - r.top + 1});
  return boxes;
}

}  // namespace biplane
