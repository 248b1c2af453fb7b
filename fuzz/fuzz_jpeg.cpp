// JPEG files to pixels, in full and at each reduced size.
//
// Guards: biplane/imaging/jpeg.cpp biplane/imaging/jpeg_means.cpp biplane/imaging/orientation.cpp
#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/preprocess.h"
#include "fuzz/seed_corpus.h"
#include "tests/imaging/jpeg_builder.h"

namespace biplane::fuzz {

using testing::JpegBuilder;

std::vector<std::string> seeds() {
  const auto sample = [](int y, int x, int c) { return (40 * y + 11 * x + 5 * c) % 256; };
  std::vector<std::string> result;
  for (const int components : {1, 3, 4})
    for (const bool progressive : {false, true}) {
      JpegBuilder jpeg;
      jpeg.rows = 33;
      jpeg.cols = 18;
      jpeg.components = components;
      jpeg.quality = 40;
      jpeg.progressive = progressive;
      jpeg.sampling = components == 3 ? 2 : 1;
      jpeg.restart_rows = components == 3 ? 1 : 0;
      result.push_back(jpeg.file(sample));
    }
  JpegBuilder scans;
  scans.scans = JpegBuilder::scan_by_scan(0);
  result.push_back(scans.file(sample));
  result.push_back(JpegBuilder::turned(result.front(), 6));
  result.push_back(JpegBuilder::turned(result.front(), 3));
  return result;
}

namespace {

// At an eighth of the size the blocks are stepped over by code of our own. The image may be turned.
bool agrees_with_libjpeg(GreyImage image, const std::uint8_t* data, std::size_t size) {
  auto expected = testing::eighth_by_libjpeg({reinterpret_cast<const char*>(data), size});
  if (!expected) return false;
  std::sort(expected->pixels.begin(), expected->pixels.end());
  std::sort(image.pixels.begin(), image.pixels.end());
  return expected->pixels == image.pixels;
}

}  // namespace

void one_input(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const int side : {0, 16, 4, 1}) {
    DecodeOptions options;
    options.limits.max_pixels = 1 << 18;
    options.target_longest_side = side;
    try {
      const DecodedImage decoded = decode_image(bytes, "input", options);
      const auto pixels = static_cast<std::size_t>(decoded.image.rows) *
                          static_cast<std::size_t>(decoded.image.cols);
      if (decoded.image.pixels.size() != pixels || pixels == 0) __builtin_trap();
      if (decoded.reduction.by == 8 && !agrees_with_libjpeg(decoded.image, data, size))
        __builtin_trap();
      const ImageInfo info = probe_image(bytes, "input", options.limits);
      if (info.rows != decoded.original_rows || info.cols != decoded.original_cols)
        __builtin_trap();
      const PadGeometry pad = pad_geometry(info.rows, info.cols, 4);
      if (resize_and_pad(decoded, pad).pixels.size() != 16) __builtin_trap();
      if (encode_jpeg(decoded.image, 50).empty()) __builtin_trap();
    } catch (const Error&) {
    }
  }
}

}  // namespace biplane::fuzz
