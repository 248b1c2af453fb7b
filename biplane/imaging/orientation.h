#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace biplane {

// Orientation (1 .. 8) in the TIFF structure of an EXIF block, without its "Exif\0\0" prefix; 1
// where there is none or the block is damaged (metadata must not make an image unreadable).
int exif_orientation(std::span<const std::byte> tiff);

// True if rows and columns are exchanged by this orientation.
inline bool swaps_sides(int orientation) { return orientation >= 5 && orientation <= 8; }

// True if the stored rows (columns) are in reverse order in the upright image.
inline bool flips_rows(int orientation) {
  return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}
inline bool flips_cols(int orientation) {
  return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

// Turns and mirrors an image so that it is upright. Pixels: rows x cols, row-major.
template <class Pixel>
void apply_orientation(int orientation, int& rows, int& cols, std::vector<Pixel>& pixels) {
  if (orientation < 2 || orientation > 8) return;
  const int out_rows = swaps_sides(orientation) ? cols : rows;
  const int out_cols = swaps_sides(orientation) ? rows : cols;
  const bool flip_y = flips_rows(orientation), flip_x = flips_cols(orientation);
  std::vector<Pixel> turned(pixels.size());
  std::size_t next = 0;
  for (int y = 0; y < out_rows; ++y) {
    for (int x = 0; x < out_cols; ++x) {
      int from_y = swaps_sides(orientation) ? x : y;
      int from_x = swaps_sides(orientation) ? y : x;
      if (flip_y) from_y = rows - 1 - from_y;
      if (flip_x) from_x = cols - 1 - from_x;
      turned[next++] = pixels[static_cast<std::size_t>(from_y) * static_cast<std::size_t>(cols) +
                              static_cast<std::size_t>(from_x)];
    }
  }
  pixels = std::move(turned);
  rows = out_rows;
  cols = out_cols;
}

}  // namespace biplane
