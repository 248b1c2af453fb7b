#include "biplane/imaging/image.h"

#include <cstddef>

namespace biplane {
namespace {

std::size_t count(int rows, int cols) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
}

}  // namespace

GreyImage make_grey(int rows, int cols) {
  return {rows, cols, std::vector<std::uint8_t>(count(rows, cols))};
}

FloatImage make_float(int rows, int cols) {
  return {rows, cols, std::vector<float>(count(rows, cols))};
}

RgbImage make_rgb(int rows, int cols) {
  return {rows, cols, std::vector<std::uint8_t>(3 * count(rows, cols))};
}

GreyImage to_grey(const FloatImage& image) {
  GreyImage grey = make_grey(image.rows, image.cols);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) {
    const float value = image.pixels[i];
    // Written so that NaN fails the first comparison.
    const float clipped = value > 0.0F ? (value < 1.0F ? value : 1.0F) : 0.0F;
    grey.pixels[i] = static_cast<std::uint8_t>(clipped * 255.0F + 0.5F);
  }
  return grey;
}

FloatImage to_float(const GreyImage& image) {
  FloatImage result = make_float(image.rows, image.cols);
  for (std::size_t i = 0; i < result.pixels.size(); ++i)
    result.pixels[i] = static_cast<float>(image.pixels[i]) / 255.0F;
  return result;
}

RgbImage to_rgb(const GreyImage& image) {
  RgbImage rgb = make_rgb(image.rows, image.cols);
  for (std::size_t i = 0; i < rgb.pixels.size(); ++i) rgb.pixels[i] = image.pixels[i / 3];
  return rgb;
}

}  // namespace biplane
