// PNG files to pixels of 8 bit and of floating point. Half of the mutated files get right
// checksums, without which nearly all would be refused before their content matters.
//
// Guards: biplane/imaging/png.cpp biplane/imaging/orientation.cpp
#include <zlib.h>

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "fuzz/seed_corpus.h"
#include "tests/imaging/png_builder.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace biplane::fuzz {
namespace {

std::uint32_t length_at(const std::uint8_t* data) {
  return std::uint32_t{data[0]} << 24 | std::uint32_t{data[1]} << 16 | std::uint32_t{data[2]} << 8 |
         data[3];
}

void mend_checksums(std::uint8_t* data, std::size_t size) {
  for (std::size_t at = 8; at + 12 <= size;) {
    const std::size_t length = length_at(data + at);
    if (length > size - at - 12) return;
    const uLong crc = crc32(0, data + at + 4, static_cast<uInt>(length + 4));
    for (int i = 0; i < 4; ++i)
      data[at + 8 + length + static_cast<std::size_t>(i)] =
          static_cast<std::uint8_t>(crc >> (24 - 8 * i) & 0xFF);
    at += 12 + length;
  }
}

}  // namespace

std::vector<std::string> seeds() {
  GreyImage grey = make_grey(19, 13);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i)
    grey.pixels[i] = static_cast<std::uint8_t>(i * 7);
  std::vector<std::string> result = {encode_png(grey), encode_png(to_rgb(grey)),
                                     encode_png(Grey16Image{1, 3, {1, 700, 65535}})};
  const std::string palette = testing::png_chunk("PLTE", std::string(48, 'p'));
  const std::string exif = testing::png_chunk(
      "eXIf", std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", 22));
  for (const auto& [type, depth] : {std::pair{0, 1}, {0, 4}, {3, 2}, {3, 4}, {4, 8}, {6, 16}}) {
    testing::PngBuilder png;
    png.type = type;
    png.depth = depth;
    png.interlaced = depth != 8;
    png.before_pixels = type == 3 ? palette : exif;
    const unsigned most = (1U << depth) - 1;
    result.push_back(png.file(
        [most](int y, int x, int c) { return static_cast<unsigned>(3 * y + x + 7 * c) & most; }));
  }
  return result;
}

void one_input(const std::uint8_t* data, std::size_t size) {
  DecodeLimits limits;
  limits.max_pixels = 1 << 20;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const GreyImage grey = decode_grey(bytes, "input", limits);
    const auto pixels = static_cast<std::size_t>(grey.rows) * static_cast<std::size_t>(grey.cols);
    if (grey.pixels.size() != pixels || pixels == 0) __builtin_trap();
    const ImageInfo info = probe_image(bytes, "input", limits);
    if (info.rows != grey.rows || info.cols != grey.cols) __builtin_trap();
    if (info.format != ImageFormat::kPng) return;
    if (decode_float(bytes, "input", limits).pixels.size() != pixels) __builtin_trap();
    const std::string again = encode_png(grey);
    if (decode_grey(std::as_bytes(std::span(again)), "again").pixels != grey.pixels)
      __builtin_trap();
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  const std::size_t mutated = LLVMFuzzerMutate(data, size, most);
  if (seed % 2 == 0) biplane::fuzz::mend_checksums(data, mutated);
  return mutated;
}
