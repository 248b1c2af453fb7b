#include "biplane/imaging/decode.h"

#include <fmt/format.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/imaging/codecs.h"
#include "biplane/imaging/dicom_display.h"
#include "biplane/imaging/orientation.h"

namespace biplane {
namespace {

ImageFormat detect(const EncodedImage& source) {
  if (source.bytes.empty()) refuse_image(source, "the file is empty");
  if (static_cast<std::int64_t>(source.bytes.size()) > source.limits.max_file_bytes)
    refuse_image(source, fmt::format("{} bytes are more than the limit of {}", source.bytes.size(),
                                     source.limits.max_file_bytes));
  if (is_png(source.bytes)) return ImageFormat::kPng;
  if (is_jpeg(source.bytes)) return ImageFormat::kJpeg;
  if (is_dicom(source.bytes)) return ImageFormat::kDicom;
  refuse_image(source, "not a JPEG, PNG or DICOM file");
}

std::span<const std::byte> as_bytes(const std::string& content) {
  return std::as_bytes(std::span(content));
}

}  // namespace

void refuse_image(const EncodedImage& source, const std::string& why) {
  throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", source.name, why));
}

void check_image_size(const EncodedImage& source, std::int64_t rows, std::int64_t cols) {
  const DecodeLimits& limits = source.limits;
  if (rows < 1 || cols < 1)
    refuse_image(source, fmt::format("an image of {} x {} pixels", rows, cols));
  if (rows > limits.max_side || cols > limits.max_side || rows * cols > limits.max_pixels)
    refuse_image(source,
                 fmt::format("{} x {} pixels are beyond the limit of {} a side and {} in all", rows,
                             cols, limits.max_side, limits.max_pixels));
}

const char* format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return "png";
    case ImageFormat::kJpeg:
      return "jpeg";
    case ImageFormat::kDicom:
      break;
  }
  return "dicom";
}

DecodedImage decode_image(std::span<const std::byte> bytes, const std::string& name,
                          const DecodeOptions& options) {
  const EncodedImage source{bytes, name, options.limits};
  DecodedImage decoded;
  switch (detect(source)) {
    case ImageFormat::kPng:
      decoded.image = decode_png_grey(source);
      break;
    case ImageFormat::kJpeg:
      return decode_jpeg(source, options.target_longest_side, options.target_shortest_side);
    case ImageFormat::kDicom: {
      DecodedDicom dicom = decode_dicom(bytes, name, options.limits);
      decoded.image = apply_display_grey(dicom.pixels, dicom.rule);
      decoded.dicom = std::move(dicom.info);
      break;
    }
  }
  decoded.original_rows = decoded.image.rows;
  decoded.original_cols = decoded.image.cols;
  return decoded;
}

std::string ImageSource::name() const {
  if (length == 0) return path.string();
  return fmt::format("{}, bytes {} to {}", path.string(), offset, offset + length);
}

std::string read_image_bytes(const ImageSource& source, const DecodeLimits& limits) {
  if (source.length == 0)
    return read_file(source.path, static_cast<std::uint64_t>(limits.max_file_bytes));
  if (source.length > limits.max_file_bytes) {
    throw Error(ErrorKind::kBadContent, fmt::format("{}: more than the limit of {} bytes",
                                                    source.name(), limits.max_file_bytes));
  }
  return read_file_part(source.path, source.offset, source.length);
}

DecodedImage read_image(const ImageSource& source, const DecodeOptions& options) {
  return decode_source(source, as_bytes(read_image_bytes(source, options.limits)), options);
}

DecodedImage decode_source(const ImageSource& source, std::span<const std::byte> bytes,
                           const DecodeOptions& options) {
  DecodedImage decoded = decode_image(bytes, source.name(), options);
  const bool packed_smaller = source.original_rows > 0 && source.original_cols > 0 &&
                              (source.original_rows != decoded.original_rows ||
                               source.original_cols != decoded.original_cols);
  if (packed_smaller) {
    // Where the pixels of a reduction of a reduction lie on the first image is not known.
    if (decoded.reduction.by > 1)
      decoded = decode_image(bytes, source.name(), {.limits = options.limits});
    decoded.original_rows = source.original_rows;
    decoded.original_cols = source.original_cols;
  }
  return decoded;
}

GreyImage decode_grey(std::span<const std::byte> bytes, const std::string& name,
                      const DecodeLimits& limits) {
  DecodeOptions options;
  options.limits = limits;
  return decode_image(bytes, name, options).image;
}

FloatImage decode_float(std::span<const std::byte> bytes, const std::string& name,
                        const DecodeLimits& limits) {
  const EncodedImage source{bytes, name, limits};
  const ImageFormat format = detect(source);
  if (format == ImageFormat::kDicom) return dicom_display(bytes, name, limits);
  if (format == ImageFormat::kJpeg) return to_float(decode_jpeg(source, 0, 0).image);
  const Grey16Image wide = decode_png_grey16(source);
  FloatImage image = make_float(wide.rows, wide.cols);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<float>(wide.pixels[i]) / 65535.0F;
  return image;
}

ImageInfo probe_image(std::span<const std::byte> bytes, const std::string& name,
                      const DecodeLimits& limits) {
  const EncodedImage source{bytes, name, limits};
  ImageInfo info;
  info.format = detect(source);
  info.bytes = static_cast<std::int64_t>(bytes.size());
  if (info.format == ImageFormat::kDicom) {
    info.dicom = dicom_info(bytes, name, limits);
    info.rows = info.dicom->rows;
    info.cols = info.dicom->cols;
    info.channels = info.dicom->samples;
    info.bit_depth = info.dicom->bits_stored;
    return info;
  }
  const CodecHeader header =
      info.format == ImageFormat::kPng ? png_header(source) : jpeg_header(source);
  const bool swapped = swaps_sides(header.orientation);
  info.rows = swapped ? header.cols : header.rows;
  info.cols = swapped ? header.rows : header.cols;
  info.channels = header.channels;
  info.bit_depth = header.bit_depth;
  return info;
}

ImageInfo probe_image(const std::filesystem::path& path, const DecodeLimits& limits) {
  const std::string content = read_image_bytes(path, limits);
  return probe_image(as_bytes(content), path.string(), limits);
}

}  // namespace biplane
