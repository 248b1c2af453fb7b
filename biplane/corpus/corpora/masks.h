#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "biplane/corpus/study.h"

namespace biplane {

// The largest mask that a corpus may have, in pixels; real ones have 10 million.
inline constexpr std::int64_t kMostMaskPixels = std::int64_t{1} << 28;

using Polygon = std::vector<std::pair<double, double>>;  // corners (x, y), in pixels

// The pixels (rows x cols, row-major, 1 = inside) of a set of polygons: the union of what each of
// them encloses by the even-odd rule, asked at whole coordinates, with its outline; what lies
// outside is cut off.
std::vector<std::uint8_t> fill_polygons(const std::vector<Polygon>& polygons, std::int64_t rows,
                                        std::int64_t cols);

// Corpus::complete for copies of a corpus that were made smaller: masks in pixels of their images.
std::string fit_masks(Study& study);

}  // namespace biplane
