#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "biplane/imaging/dicom.h"
#include "biplane/imaging/image.h"
#include "biplane/imaging/limits.h"

namespace biplane {

enum class ImageFormat { kPng, kJpeg, kDicom };
const char* format_name(ImageFormat format);  // "png", "jpeg", "dicom"

// What the header says; nothing is decoded.
struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  std::int64_t bytes = 0;
  int rows = 0, cols = 0;  // as decoded, that is after the EXIF orientation
  int channels = 0;        // as stored: 1 grey or palette, 2 grey + alpha, 3, 4
  int bit_depth = 0;       // per channel, as stored
  std::optional<DicomInfo> dicom;
};

struct DecodeOptions {
  DecodeLimits limits;
  // A JPEG may come back reduced by 2, 4 or 8 (done inside the inverse DCT, several times faster
  // than full decoding) as long as its longest side stays >= this and its shortest >= the next. 0:
  // full size.
  int target_longest_side = 0;
  int target_shortest_side = 0;
};

// How the pixels of a reduced image lie on the full one: pixel (y, x) is the mean of its rows
// y by - lead_rows .. (y + 1) by - lead_rows, likewise for columns, as far as they are inside. The
// last pixels, or the first ones of an image that was turned, cover less than the others.
struct Reduction {
  int by = 1;
  int lead_rows = 0, lead_cols = 0;
};

struct DecodedImage {
  GreyImage image;
  int original_rows = 0, original_cols = 0;  // of the full image, after the EXIF orientation
  Reduction reduction;
};

// All functions below decide the format by content, never by name, and throw Error kBadContent that
// names the file for anything truncated, damaged, not an image or beyond the limits (checked on the
// header, before memory for pixels is taken); kMissingInput and kIo for files. `name` stands for
// the path in errors.
//
// Grey of colour: 0.299 R + 0.587 G + 0.114 B (JPEG: the luma channel). Alpha, tRNS and gAMA are
// ignored; 16-bit PNG gives its high byte; the EXIF orientation is applied; DICOM goes through its
// display pipeline (see dicom.h) to 0 .. 255.
GreyImage decode_grey(std::span<const std::byte> bytes, const std::string& name,
                      const DecodeLimits& limits = {});
// The same with a JPEG possibly reduced.
DecodedImage decode_image(std::span<const std::byte> bytes, const std::string& name,
                          const DecodeOptions& options);
DecodedImage read_image(const std::filesystem::path& path, const DecodeOptions& options);

// [0, 1] without the loss to 8 bit: 16-bit PNG value / 65535, DICOM display values, 8-bit value /
// 255.
FloatImage decode_float(std::span<const std::byte> bytes, const std::string& name,
                        const DecodeLimits& limits = {});

ImageInfo probe_image(std::span<const std::byte> bytes, const std::string& name,
                      const DecodeLimits& limits = {});
ImageInfo probe_image(const std::filesystem::path& path, const DecodeLimits& limits = {});

}  // namespace biplane
