#include "biplane/corpus/corpora/masks.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "biplane/formats/rle.h"

namespace biplane {
namespace {

// The places x where a polygon's edges cross the line y, ascending: inside is between the first and
// the second, the third and the fourth, ... An edge has one of its ends, else corners would count
// twice; `upper`: which.
std::vector<double> crossings(const Polygon& polygon, double y, bool upper) {
  const auto before = [y, upper](double end) { return upper ? end < y : end <= y; };
  std::vector<double> found;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const auto& [x0, y0] = polygon[i];
    const auto& [x1, y1] = polygon[(i + 1) % polygon.size()];
    if (before(y0) != before(y1)) found.push_back(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Sets the pixels of a row between each two crossings, ends included.
void fill_between(const std::vector<double>& edges, std::span<std::uint8_t> row) {
  for (std::size_t i = 0; i + 1 < edges.size(); i += 2) {
    const double from = std::max(0.0, std::ceil(edges[i]));
    const double to = std::min(static_cast<double>(row.size()) - 1, std::floor(edges[i + 1]));
    if (from <= to)
      std::fill(row.begin() + static_cast<std::ptrdiff_t>(from),
                row.begin() + static_cast<std::ptrdiff_t>(to) + 1, std::uint8_t{1});
  }
}

// The place in a mask of another size of a pixel of the image: the first that it covers.
std::int64_t in_mask(std::int64_t pixel, std::int64_t size, std::int64_t mask_size) {
  return size <= mask_size ? (pixel * mask_size + size - 1) / size : pixel * mask_size / size;
}

}  // namespace

std::vector<std::uint8_t> fill_polygons(const std::vector<Polygon>& polygons, std::int64_t rows,
                                        std::int64_t cols) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(rows * cols), 0);
  for (const Polygon& polygon : polygons) {
    double top = static_cast<double>(rows), bottom = -1;
    for (const auto& [x, y] : polygon) {
      top = std::min(top, y);
      bottom = std::max(bottom, y);
    }
    const double end = std::min(bottom, static_cast<double>(rows - 1));
    for (double y = std::max(0.0, std::ceil(top)); y <= end; ++y) {
      const auto first = static_cast<std::size_t>(y) * static_cast<std::size_t>(cols);
      const std::span row(pixels.data() + first, static_cast<std::size_t>(cols));
      // Both, so that edges along the line are inside above and below.
      fill_between(crossings(polygon, y, false), row);
      fill_between(crossings(polygon, y, true), row);
    }
  }
  return pixels;
}

std::string fit_masks(Study& study) {
  for (Mask& mask : study.masks) {
    const View& view = study.views.at(static_cast<std::size_t>(mask.view));
    if (view.rows == mask.rows && view.cols == mask.cols) continue;
    const std::vector<std::uint8_t> pixels = decode_rle(mask.rle, mask.rows, mask.cols);
    std::vector<std::uint8_t> fitted(static_cast<std::size_t>(view.rows * view.cols));
    for (std::int64_t y = 0; y < view.rows; ++y) {
      const std::int64_t row = in_mask(y, view.rows, mask.rows) * mask.cols;
      for (std::int64_t x = 0; x < view.cols; ++x)
        fitted[static_cast<std::size_t>(y * view.cols + x)] =
            pixels[static_cast<std::size_t>(row + in_mask(x, view.cols, mask.cols))];
    }
    mask.rows = view.rows;
    mask.cols = view.cols;
    mask.rle = encode_rle(fitted, mask.rows, mask.cols);
  }
  return {};
}

}  // namespace biplane
