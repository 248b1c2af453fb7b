#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace biplane {

// JPEG 2000 codestreams (ISO 15444-1) as they stand in DICOM files. All functions throw Error
// kBadContent naming the file.

// What the SIZ marker at the beginning of a codestream says.
struct Jpeg2000Size {
  std::int64_t rows = 0, cols = 0;
  std::int64_t tile_rows = 0, tile_cols = 0;
  int components = 0;
  int precision = 0;  // bits of a value
  bool is_signed = false;
};

// Only the beginning of the stream has to be there. A codestream inside a JP2 file, which does not
// belong into DICOM but is found there, is read too.
Jpeg2000Size jpeg2000_size(std::span<const std::byte> stream, const std::string& name);

// Walks over all marker segments and refuses what would make a decoder take memory or time out of
// proportion to the image: very many tiles, tiny code-blocks or precincts, thousands of layers,
// segments that it does not know. Decodes nothing.
void check_jpeg2000_stream(std::span<const std::byte> stream, const std::string& name);

struct Jpeg2000Image {
  Jpeg2000Size size;
  std::vector<std::int32_t> values;  // (rows, cols)
};

// An image of one component that has passed the check, which this makes itself.
Jpeg2000Image decode_jpeg2000(std::span<const std::byte> stream, const std::string& name);

}  // namespace biplane
