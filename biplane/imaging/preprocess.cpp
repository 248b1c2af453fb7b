#include "biplane/imaging/preprocess.h"

#include <fmt/format.h>

#include <algorithm>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::int64_t kMaxSize = 4096;
constexpr const char* kLongest = "longest";

struct FitSize {
  int rows = 0, cols = 0;
};

// Sides after the shortest became `size`; the other one is rounded down.
FitSize shortest_size(int rows, int cols, int size) {
  const std::int64_t shortest = std::min(rows, cols);
  return {static_cast<int>(std::int64_t{rows} * size / shortest),
          static_cast<int>(std::int64_t{cols} * size / shortest)};
}

void check_crop(int rows, int cols, int crop) {
  if (crop < 1 || crop > rows || crop > cols)
    throw Error(ErrorKind::kUsage,
                fmt::format("a crop of {} pixels from an image of {} x {}", crop, rows, cols));
}

void check_crop_at(int rows, int cols, CropOffset offset, int crop) {
  check_crop(rows, cols, crop);
  if (offset.top < 0 || offset.left < 0 || offset.top > rows - crop || offset.left > cols - crop)
    throw Error(ErrorKind::kUsage, fmt::format("a crop at row {}, column {} of an image of {} x {}",
                                               offset.top, offset.left, rows, cols));
}

template <class Image>
Image cut(const Image& image, CropOffset offset, int crop) {
  check_crop_at(image.rows, image.cols, offset, crop);
  Image result;
  result.rows = result.cols = crop;
  result.pixels.reserve(static_cast<std::size_t>(crop) * static_cast<std::size_t>(crop));
  for (int y = 0; y < crop; ++y) {
    const auto from = image.pixels.begin() +
                      (static_cast<std::ptrdiff_t>(offset.top + y) * image.cols + offset.left);
    result.pixels.insert(result.pixels.end(), from, from + crop);
  }
  return result;
}

}  // namespace

void check_preprocess(const PreprocessOptions& options, const std::string& group) {
  if (options.fit != kLongest && options.fit != "shortest")
    throw Error(ErrorKind::kUsage,
                fmt::format("{}fit: '{}' is neither 'longest' nor 'shortest'", group, options.fit));
  if (options.size < 1 || options.size > kMaxSize)
    throw Error(ErrorKind::kUsage,
                fmt::format("{}size: {} is not within 1 .. {}", group, options.size, kMaxSize));
  if (options.crop < 1 || options.crop > options.size)
    throw Error(ErrorKind::kUsage, fmt::format("{}crop: {} is not within 1 .. size ({})", group,
                                               options.crop, options.size));
}

PadGeometry pad_geometry(int rows, int cols, int size) {
  if (rows < 1 || cols < 1 || size < 1)
    throw Error(ErrorKind::kUsage,
                fmt::format("padding an image of {} x {} to {}", rows, cols, size));
  const std::int64_t longest = std::max(rows, cols);
  PadGeometry geometry;
  geometry.size = size;
  geometry.content_rows =
      static_cast<int>(std::max<std::int64_t>(1, std::int64_t{rows} * size / longest));
  geometry.content_cols =
      static_cast<int>(std::max<std::int64_t>(1, std::int64_t{cols} * size / longest));
  geometry.top = (size - geometry.content_rows) / 2;
  geometry.left = (size - geometry.content_cols) / 2;
  return geometry;
}

GreyImage resize_and_pad(const DecodedImage& decoded, const PadGeometry& geometry) {
  const GreyImage content = resize_area(decoded, geometry.content_rows, geometry.content_cols);
  GreyImage padded = make_grey(geometry.size, geometry.size);
  for (int y = 0; y < content.rows; ++y) {
    const auto from = content.pixels.begin() + static_cast<std::ptrdiff_t>(y) * content.cols;
    std::copy(from, from + content.cols,
              padded.pixels.begin() +
                  (static_cast<std::ptrdiff_t>(geometry.top + y) * geometry.size + geometry.left));
  }
  return padded;
}

GreyImage resize_and_pad(const GreyImage& image, const PadGeometry& geometry) {
  return resize_and_pad(DecodedImage{image, image.rows, image.cols, {}}, geometry);
}

GreyImage resize_and_pad(const GreyImage& image, int size) {
  return resize_and_pad(image, pad_geometry(image.rows, image.cols, size));
}

FloatImage fit_image(const DecodedImage& decoded, const PreprocessOptions& options) {
  check_preprocess(options);
  const int size = static_cast<int>(options.size);
  const int rows = decoded.original_rows, cols = decoded.original_cols;
  if (options.fit == kLongest)
    return to_float(resize_and_pad(decoded, pad_geometry(rows, cols, size)));
  const FitSize fit = shortest_size(rows, cols, size);
  return resize_antialiased(decoded, fit.rows, fit.cols);
}

FloatImage fit_image(const GreyImage& image, const PreprocessOptions& options) {
  return fit_image(DecodedImage{image, image.rows, image.cols, {}}, options);
}

DecodeOptions decode_options(const PreprocessOptions& options, const DecodeLimits& limits) {
  check_preprocess(options);
  DecodeOptions decode;
  decode.limits = limits;
  const int size = static_cast<int>(options.size);
  (options.fit == kLongest ? decode.target_longest_side : decode.target_shortest_side) = size;
  return decode;
}

FloatImage read_fitted_image(const ImageSource& source, const PreprocessOptions& options,
                             const DecodeLimits& limits) {
  return fit_image(read_image(source, decode_options(options, limits)), options);
}

CropOffset centre_crop(int rows, int cols, int crop) {
  check_crop(rows, cols, crop);
  return {(rows - crop) / 2, (cols - crop) / 2};
}

CropOffset random_crop(int rows, int cols, int crop, CounterRandom& random) {
  check_crop(rows, cols, crop);
  CropOffset offset;
  offset.top = static_cast<int>(random.below(rows - crop + 1));
  offset.left = static_cast<int>(random.below(cols - crop + 1));
  return offset;
}

FloatImage crop_image(const FloatImage& image, CropOffset offset, int crop) {
  return cut(image, offset, crop);
}

GreyImage crop_image(const GreyImage& image, CropOffset offset, int crop) {
  return cut(image, offset, crop);
}

FloatImage crop_image(const GreyView& image, CropOffset offset, int crop) {
  check_crop_at(image.rows, image.cols, offset, crop);
  FloatImage result = make_float(crop, crop);
  float* to = result.pixels.data();
  for (int y = 0; y < crop; ++y, to += crop) {
    const std::uint8_t* from =
        image.pixels + static_cast<std::ptrdiff_t>(offset.top + y) * image.cols + offset.left;
    for (int x = 0; x < crop; ++x) to[x] = static_cast<float>(from[x]) / 255.0F;
  }
  return result;
}

InputMapping input_mapping(int original_rows, int original_cols, const PreprocessOptions& options,
                           CropOffset crop) {
  check_preprocess(options);
  const int size = static_cast<int>(options.size);
  const PadGeometry pad = pad_geometry(original_rows, original_cols, size);
  const bool padded = options.fit == kLongest;
  const FitSize fit = padded ? FitSize{pad.content_rows, pad.content_cols}
                             : shortest_size(original_rows, original_cols, size);
  InputMapping mapping;
  mapping.scale_y = static_cast<double>(fit.rows) / original_rows;
  mapping.scale_x = static_cast<double>(fit.cols) / original_cols;
  mapping.offset_y = (padded ? pad.top : 0) - crop.top;
  mapping.offset_x = (padded ? pad.left : 0) - crop.left;
  return mapping;
}

CropOffset centre_crop(int original_rows, int original_cols, const PreprocessOptions& options) {
  check_preprocess(options);
  const int size = static_cast<int>(options.size);
  const FitSize fit = options.fit == kLongest ? FitSize{size, size}
                                              : shortest_size(original_rows, original_cols, size);
  return centre_crop(fit.rows, fit.cols, static_cast<int>(options.crop));
}

PreprocessOptions display_options(const PreprocessOptions& model, std::int64_t side) {
  PreprocessOptions options = model;
  options.size = model.size * side / model.crop;
  options.crop = side;
  return options;
}

}  // namespace biplane
