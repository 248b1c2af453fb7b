#include "biplane/corpus/marks.h"

#include <algorithm>
#include <cmath>

namespace biplane {

bool stands_on(const Box& box, const View& image) {
  if (image.rows < 1 || image.cols < 1) return true;
  const auto touches = [](double begin, double length, std::int64_t side) {
    return begin < static_cast<double>(side) && (begin + length > 0 || begin == 0);
  };
  return touches(box.x, box.w, image.cols) && touches(box.y, box.h, image.rows);
}

bool has_shape_of(const Mask& mask, const View& image) {
  if (image.rows < 1 || image.cols < 1) return true;
  const auto rows = static_cast<double>(image.rows), cols = static_cast<double>(image.cols),
             own_rows = static_cast<double>(mask.rows), own_cols = static_cast<double>(mask.cols);
  return std::abs(own_rows * cols - own_cols * rows) <= std::max({rows, cols, own_rows, own_cols});
}

}  // namespace biplane
