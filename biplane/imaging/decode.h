#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>

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

// Where an encoded image lies: in a file of its own, or in a part of one (a shard of a pack).
struct ImageSource {
  template <class Path>
  requires std::convertible_to<Path, std::filesystem::path> ImageSource(Path&& file)
      : path(std::forward<Path>(file)) {}  // NOLINT: a path is a source

  std::filesystem::path path;
  std::int64_t offset = 0, length = 0;       // bytes; length 0: the whole file
  int original_rows = 0, original_cols = 0;  // of what it was reduced from; 0: it was not reduced

  std::string name() const;  // for errors
};

// The encoded bytes. Throws Error kMissingInput, kIo, and kBadContent beyond the limit of bytes.
std::string read_image_bytes(const ImageSource& source, const DecodeLimits& limits = {});

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
  Reduction reduction = {};
  std::optional<DicomInfo> dicom = {};  // the header of a DICOM image
};

// All functions below decide the format by content, never by name, and throw Error kBadContent that
// names the file for anything truncated, damaged, not an image or beyond the limits (checked on the
// header, before memory for pixels is taken); kMissingInput and kIo for files. `name` stands for
// the path in errors.
//
// Grey of colour: 0.299 R + 0.587 G + 0.114 B (JPEG: the luma channel). Alpha, tRNS and gAMA are
// ignored; 16-bit PNG gives its high byte, of the bits that it uses (10 to 14 bits of a detector in
// 16 are spread over all); the EXIF orientation is applied; DICOM goes through its
// display pipeline (see dicom.h) to 0 .. 255.
GreyImage decode_grey(std::span<const std::byte> bytes, const std::string& name,
                      const DecodeLimits& limits = {});
// The same with a JPEG possibly reduced.
DecodedImage decode_image(std::span<const std::byte> bytes, const std::string& name,
                          const DecodeOptions& options);
DecodedImage read_image(const ImageSource& source, const DecodeOptions& options);
// The same from the source's bytes.
DecodedImage decode_source(const ImageSource& source, std::span<const std::byte> bytes,
                           const DecodeOptions& options);

// [0, 1] without the loss to 8 bit: 16-bit PNG value / 65535 (spread as above), DICOM display
// values, 8-bit value / 255.
FloatImage decode_float(std::span<const std::byte> bytes, const std::string& name,
                        const DecodeLimits& limits = {});

ImageInfo probe_image(std::span<const std::byte> bytes, const std::string& name,
                      const DecodeLimits& limits = {});
ImageInfo probe_image(const std::filesystem::path& path, const DecodeLimits& limits = {});

}  // namespace biplane
