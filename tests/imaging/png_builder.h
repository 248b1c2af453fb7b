#pragma once

#include <zlib.h>

#include <cstdint>
#include <functional>
#include <string>

namespace biplane::testing {

inline std::string big_endian_bytes(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

inline std::string zlib_packed(const std::string& data, int level = 6) {
  uLongf size = compressBound(static_cast<uLong>(data.size()));
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
            reinterpret_cast<const Bytef*>(data.data()), static_cast<uLong>(data.size()), level);
  packed.resize(size);
  return packed;
}

// A chunk with its length and its CRC.
inline std::string png_chunk(const std::string& type, const std::string& data) {
  const std::string covered = type + data;
  const uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(covered.data()), static_cast<uInt>(covered.size()));
  return big_endian_bytes(static_cast<std::uint32_t>(data.size())) + covered +
         big_endian_bytes(static_cast<std::uint32_t>(crc));
}

// Writes PNG files without libpng: every colour type and depth, both ways of interlacing, and any
// other chunks. Rows are not filtered.
struct PngBuilder {
  int rows = 5, cols = 7;
  int depth = 8;
  int type = 0;  // 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
  bool interlaced = false;
  std::string before_pixels;  // chunks, for example PLTE
  std::string after_pixels;
  std::string more_pixels;  // packed into IDAT behind the image's own

  int channels() const { return type == 2 ? 3 : type == 4 ? 2 : type == 6 ? 4 : 1; }

  // One pass of the picture: pixels (y0 + i dy, x0 + j dx), each row behind a filter byte.
  std::string pass(const std::function<unsigned(int, int, int)>& sample, int y0, int x0, int dy,
                   int dx) const {
    std::string bytes;
    for (int y = y0; y < rows && x0 < cols; y += dy) {
      bytes += '\0';
      unsigned held = 0;
      int bits = 0;
      for (int x = x0; x < cols; x += dx) {
        for (int c = 0; c < channels(); ++c) {
          held = held << depth | sample(y, x, c);
          for (bits += depth; bits >= 8; bits -= 8) bytes += static_cast<char>(held >> (bits - 8));
          held &= (1U << bits) - 1;
        }
      }
      if (bits > 0) bytes += static_cast<char>(held << (8 - bits));
    }
    return bytes;
  }

  // `sample`(row, column, channel) gives a value of `depth` bits.
  std::string file(const std::function<unsigned(int, int, int)>& sample) const {
    static constexpr int kPasses[7][4] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4},
                                          {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}};
    std::string pixels;
    if (!interlaced) pixels = pass(sample, 0, 0, 1, 1);
    for (const auto& p : kPasses)
      if (interlaced) pixels += pass(sample, p[0], p[1], p[2], p[3]);
    const std::string header = big_endian_bytes(static_cast<std::uint32_t>(cols)) +
                               big_endian_bytes(static_cast<std::uint32_t>(rows)) +
                               static_cast<char>(depth) + static_cast<char>(type) +
                               std::string(2, '\0') + static_cast<char>(interlaced ? 1 : 0);
    return "\x89PNG\r\n\x1A\n" + png_chunk("IHDR", header) + before_pixels +
           png_chunk("IDAT", zlib_packed(pixels + more_pixels)) + after_pixels +
           png_chunk("IEND", "");
  }
};

}  // namespace biplane::testing
