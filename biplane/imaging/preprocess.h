#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "biplane/core/random.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/image.h"

namespace biplane {

// How an image becomes model input (method section 6, data.md section 4).
struct PreprocessOptions {
  // "longest": longest side to `size` by area averaging, centred zero padding to size x size (the
  // method's own way). "shortest": shortest side to `size` by antialiased bilinear interpolation.
  std::string fit = "longest";
  std::int64_t size = 256;  // pixels
  std::int64_t crop = 224;  // side of the square that is cut out: random in training, centred in
                            // evaluation; <= size

  template <class V>
  void visit(V& v) {
    v.field("fit", fit);
    v.field("size", size);
    v.field("crop", crop);
  }
};

// Throws Error kUsage naming the key (behind `group`, for example "data.image.") for sizes outside
// 1 .. 4096, crop > size or an unknown fit.
void check_preprocess(const PreprocessOptions& options, const std::string& group = "");

// Where the image's content lies in the padded square, exact in integers: rows = max(1, floor(rows
// size / longest)).
struct PadGeometry {
  int size = 0;
  int content_rows = 0, content_cols = 0;
  int top = 0, left = 0;
};
PadGeometry pad_geometry(int rows, int cols, int size);

// Resizes by area averaging as OpenCV's INTER_AREA does on 8 bit (where it would enlarge: linearly
// with area-aligned weights). rows, cols >= 1.
GreyImage resize_area(const GreyImage& image, int rows, int cols);
// The same of the full image that `decoded` may be a reduction of: its pixels count by the area of
// the full image that they cover, so that the mean is that of the full image.
GreyImage resize_area(const DecodedImage& decoded, int rows, int cols);
// Bilinear with antialiasing (triangle filter widened by the scale), half-pixel centres, on value /
// 255.
FloatImage resize_antialiased(const FloatImage& image, int rows, int cols);
FloatImage resize_antialiased(const DecodedImage& decoded, int rows, int cols);

// Content resized into geometry.content_*, zero elsewhere: (size, size).
GreyImage resize_and_pad(const GreyImage& image, const PadGeometry& geometry);
GreyImage resize_and_pad(const DecodedImage& decoded, const PadGeometry& geometry);
GreyImage resize_and_pad(const GreyImage& image, int size);

// The part of preprocessing that does not depend on chance, before the crop: (size, size) for fit
// "longest", (rows, cols) with the shortest side = size for "shortest". In [0, 1]. `decoded` may be
// reduced: the geometry follows the original size.
FloatImage fit_image(const DecodedImage& decoded, const PreprocessOptions& options);
FloatImage fit_image(const GreyImage& image, const PreprocessOptions& options);
// A large JPEG may come reduced, as far as fitting can do without the rest.
DecodeOptions decode_options(const PreprocessOptions& options, const DecodeLimits& limits = {});
// Reads with these options and fits. Errors as in decode.h.
FloatImage read_fitted_image(const ImageSource& source, const PreprocessOptions& options,
                             const DecodeLimits& limits = {});

struct CropOffset {
  int top = 0, left = 0;
};
// floor((rows - crop) / 2), likewise for columns. crop <= rows, cols.
CropOffset centre_crop(int rows, int cols, int crop);
// Uniform over all positions. There is no left-right flip: it would exchange the sides of the body.
CropOffset random_crop(int rows, int cols, int crop, CounterRandom& random);
// (crop, crop) cut out of an image, in [0, 1] for a GreyView; throws Error kUsage when it does not
// lie inside.
FloatImage crop_image(const FloatImage& image, CropOffset offset, int crop);
GreyImage crop_image(const GreyImage& image, CropOffset offset, int crop);
FloatImage crop_image(const GreyView& image, CropOffset offset, int crop);

// Maps continuous coordinates (pixel i covers [i, i+1)) of the original image to the crop: input =
// original * scale + offset.
struct InputMapping {
  double scale_y = 1, offset_y = 0;
  double scale_x = 1, offset_x = 0;
  double to_input_y(double y) const { return y * scale_y + offset_y; }
  double to_input_x(double x) const { return x * scale_x + offset_x; }
  double to_original_y(double y) const { return (y - offset_y) / scale_y; }
  double to_original_x(double x) const { return (x - offset_x) / scale_x; }
};
InputMapping input_mapping(int original_rows, int original_cols, const PreprocessOptions& options,
                           CropOffset crop);
// Offset of the centred crop for an image of this original size.
CropOffset centre_crop(int original_rows, int original_cols, const PreprocessOptions& options);

// The same part of an image for eyes: what the model sees becomes `side` pixels wide.
PreprocessOptions display_options(const PreprocessOptions& model, std::int64_t side);

}  // namespace biplane
