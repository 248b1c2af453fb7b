// PNG and JPEG files to pixels, at full and at reduced size.
#include "biplane/core/error.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {

std::vector<std::string> seeds() {
  GreyImage grey = make_grey(19, 13);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i)
    grey.pixels[i] = static_cast<std::uint8_t>(i * 7);
  return {encode_png(grey), encode_png(to_rgb(grey)),
          encode_png(Grey16Image{1, 3, {1, 700, 65535}}), encode_jpeg(grey, 60)};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  DecodeOptions options;
  options.limits.max_pixels = 1 << 20;
  options.target_longest_side = size % 2 == 0 ? 0 : 16;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const DecodedImage decoded = decode_image(bytes, "input", options);
    const auto pixels =
        static_cast<std::size_t>(decoded.image.rows) * static_cast<std::size_t>(decoded.image.cols);
    if (decoded.image.pixels.size() != pixels || pixels == 0) __builtin_trap();
    probe_image(bytes, "input", options.limits);
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
