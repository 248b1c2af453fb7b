#pragma once

// What decode.cpp needs of the PNG and JPEG libraries, whose headers stay inside png.cpp and
// jpeg.cpp.

#include <cstddef>
#include <span>
#include <string>

#include "biplane/imaging/decode.h"
#include "biplane/imaging/image.h"
#include "biplane/imaging/limits.h"

namespace biplane {

// An encoded image in memory; `name` is for errors.
struct EncodedImage {
  std::span<const std::byte> bytes;
  const std::string& name;
  const DecodeLimits& limits;
};

struct CodecHeader {
  int rows = 0, cols = 0;  // as stored, before the EXIF orientation
  int channels = 0;
  int bit_depth = 0;
  int orientation = 1;
};

// Throws Error kBadContent naming the file when an image of this size is beyond the limits or
// empty.
void check_image_size(const EncodedImage& source, std::int64_t rows, std::int64_t cols);
[[noreturn]] void refuse_image(const EncodedImage& source, const std::string& why);

bool is_png(std::span<const std::byte> bytes);
CodecHeader png_header(const EncodedImage& source);
GreyImage decode_png_grey(const EncodedImage& source);
Grey16Image decode_png_grey16(const EncodedImage& source);  // spread over 16 bits

bool is_jpeg(std::span<const std::byte> bytes);
CodecHeader jpeg_header(const EncodedImage& source);
// Reduced by 1, 2, 4 or 8 as far as the sides stay >= the targets (0: full size).
DecodedImage decode_jpeg(const EncodedImage& source, int target_longest, int target_shortest);

}  // namespace biplane
