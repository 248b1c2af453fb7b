#pragma once

#include <cstdint>
#include <vector>

namespace biplane {

// Images are row-major without padding: pixel (y, x) is pixels[y * cols + x].

struct GreyImage {  // 8 bit
  int rows = 0, cols = 0;
  std::vector<std::uint8_t> pixels;
};

struct GreyView {  // the same in memory of somebody else's
  int rows = 0, cols = 0;
  const std::uint8_t* pixels = nullptr;
};

struct Grey16Image {  // 16 bit, native byte order
  int rows = 0, cols = 0;
  std::vector<std::uint16_t> pixels;
};

struct FloatImage {  // [0, 1] unless said otherwise
  int rows = 0, cols = 0;
  std::vector<float> pixels;
};

struct RgbImage {  // 8 bit, interleaved: red of (y, x) is pixels[3 * (y * cols + x)]
  int rows = 0, cols = 0;
  std::vector<std::uint8_t> pixels;
};

// Images of the given size, zero everywhere. rows, cols >= 0.
GreyImage make_grey(int rows, int cols);
FloatImage make_float(int rows, int cols);
RgbImage make_rgb(int rows, int cols);

// [0, 1] -> 0 .. 255, rounded to nearest; values outside (and NaN) are clipped.
GreyImage to_grey(const FloatImage& image);
// 0 .. 255 -> value / 255.
FloatImage to_float(const GreyImage& image);
RgbImage to_rgb(const GreyImage& image);

}  // namespace biplane
