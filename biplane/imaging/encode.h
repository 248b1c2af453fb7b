#pragma once

#include <string>

#include "biplane/imaging/image.h"

namespace biplane {

// Encoded files as bytes: a function of the pixels and settings only (no times, no comments). Throw
// Error kUsage for an image without pixels.
struct PngOptions {
  int compression = 6;  // 0 (none) .. 9 (smallest)
};
std::string encode_png(const GreyImage& image, const PngOptions& options = {});
std::string encode_png(const Grey16Image& image, const PngOptions& options = {});
std::string encode_png(const RgbImage& image, const PngOptions& options = {});

// Baseline grey JPEG; quality 1 .. 100.
std::string encode_jpeg(const GreyImage& image, int quality = 92);

}  // namespace biplane
