#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/random.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/orientation.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& content) {
  return std::as_bytes(std::span(content));
}

GreyImage random_image(int rows, int cols, std::uint64_t seed) {
  CounterRandom random(seed, "image");
  GreyImage image = make_grey(rows, cols);
  for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random.below(256));
  return image;
}

GreyImage smooth_image(int rows, int cols) {
  GreyImage image = make_grey(rows, cols);
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < cols; ++x)
      image.pixels[static_cast<std::size_t>(y * cols + x)] =
          static_cast<std::uint8_t>(128 + 100 * std::sin(y * 0.05) * std::cos(x * 0.03));
  return image;
}

std::string refusal(const std::string& content, const DecodeLimits& limits = {}) {
  try {
    decode_grey(bytes_of(content), "x.img", limits);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(e.what(), HasSubstr("x.img"));
    return e.what();
  }
  return {};
}

TEST(Codecs, PngKeepsEveryPixel) {
  for (const auto& [rows, cols] : {std::pair{1, 1}, {1, 17}, {33, 7}}) {
    const GreyImage image = random_image(rows, cols, 1);
    const GreyImage back = decode_grey(bytes_of(encode_png(image)), "x");
    EXPECT_EQ(back.pixels, image.pixels);
    EXPECT_EQ(back.rows, rows);
    EXPECT_EQ(back.cols, cols);
  }
}

TEST(Codecs, SixteenBitPngKeepsItsHighByteAsGreyAndAllAsFloat) {
  const Grey16Image image{1, 3, {0x0000, 0x12FF, 0xFFFF}};
  const std::string png = encode_png(image);
  EXPECT_THAT(decode_grey(bytes_of(png), "x").pixels, ElementsAre(0, 0x12, 0xFF));
  EXPECT_THAT(decode_float(bytes_of(png), "x").pixels, ElementsAre(0, 0x12FF / 65535.0F, 1));
  EXPECT_EQ(probe_image(bytes_of(png), "x").bit_depth, 16);
}

// As PadChest has images of 10 to 14 bits: their high bytes would be black.
TEST(Codecs, SixteenBitPngThatUsesFewerBitsIsSpreadOverAll) {
  const auto decoded = [](std::vector<std::uint16_t> values) {
    const Grey16Image image{1, static_cast<int>(values.size()), std::move(values)};
    return decode_grey(bytes_of(encode_png(image)), "x").pixels;
  };
  EXPECT_THAT(decoded({0, 2048, 4095}), ElementsAre(0, 128, 255));
  EXPECT_THAT(decoded({0, 512, 1023}), ElementsAre(0, 128, 255));
  EXPECT_THAT(decoded({0, 7, 255}), ElementsAre(0, 7, 255));
  EXPECT_THAT(decoded({0, 0x0FFF, 0x8000}), ElementsAre(0, 0x0F, 0x80));  // uses all
  EXPECT_THAT(decoded({0, 0x0FFF, 0x7FFF}), ElementsAre(0, 0x0F, 0x7F));  // may be dark
  EXPECT_THAT(decoded({0, 0x1FFF, 0x3FFF}), ElementsAre(0, 0x7F, 0xFF));
  EXPECT_THAT(decoded({0, 0}), ElementsAre(0, 0));
  const Grey16Image twelve{1, 2, {819, 4095}};
  EXPECT_THAT(decode_float(bytes_of(encode_png(twelve)), "x").pixels, ElementsAre(0.2F, 1));
}

TEST(Codecs, ColourBecomesLuma) {
  const RgbImage image{1, 4, {255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 200, 200}};
  EXPECT_THAT(decode_grey(bytes_of(encode_png(image)), "x").pixels, ElementsAre(76, 150, 29, 200));
  EXPECT_EQ(probe_image(bytes_of(encode_png(image)), "x").channels, 3);
}

TEST(Codecs, JpegComesBackCloseAndTheSameBytesEveryTime) {
  const GreyImage image = smooth_image(120, 90);
  const std::string jpeg = encode_jpeg(image, 95);
  EXPECT_EQ(jpeg, encode_jpeg(image, 95));
  EXPECT_EQ(encode_png(image), encode_png(image));
  const GreyImage back = decode_grey(bytes_of(jpeg), "x");
  ASSERT_EQ(back.pixels.size(), image.pixels.size());
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    ASSERT_NEAR(back.pixels[i], image.pixels[i], 6);
  EXPECT_THROW(encode_jpeg(GreyImage{}, 90), Error);
  EXPECT_THROW(encode_jpeg(image, 0), Error);
  EXPECT_THROW(encode_png(GreyImage{}), Error);
}

TEST(Codecs, ALargeJpegIsReducedButNeverBelowTheTarget) {
  const std::string jpeg = encode_jpeg(smooth_image(1000, 601), 90);
  const auto sides = [&](int longest, int shortest) {
    DecodeOptions options;
    options.target_longest_side = longest;
    options.target_shortest_side = shortest;
    const DecodedImage decoded = decode_image(bytes_of(jpeg), "x", options);
    EXPECT_EQ(decoded.original_rows, 1000);
    EXPECT_EQ(decoded.original_cols, 601);
    return std::pair(decoded.image.rows, decoded.image.cols);
  };
  EXPECT_EQ(sides(0, 0), std::pair(1000, 601));
  EXPECT_EQ(sides(501, 0), std::pair(1000, 601));
  EXPECT_EQ(sides(500, 0), std::pair(500, 301));
  EXPECT_EQ(sides(100, 0), std::pair(125, 76));
  EXPECT_EQ(sides(0, 200), std::pair(500, 301));
}

TEST(Codecs, EveryTruncationIsRefused) {
  const GreyImage image = random_image(40, 30, 2);
  const std::string png = encode_png(image), jpeg = encode_jpeg(image, 90);
  for (std::size_t size = 0; size < png.size(); ++size)
    EXPECT_NE(refusal(png.substr(0, size)), "") << size;
  // The last two bytes are the end marker, without which all pixels are there.
  for (std::size_t size = 0; size < jpeg.size() - 2; ++size)
    EXPECT_NE(refusal(jpeg.substr(0, size)), "") << size;
}

TEST(Codecs, DamageIsAnImageOrAnError) {
  const GreyImage image = random_image(24, 24, 3);
  CounterRandom random(5, "damage");
  int png_refused = 0;
  for (const std::string& content :
       {encode_png(image), encode_png(Grey16Image{2, 2, {1, 2, 3, 4}}), encode_jpeg(image, 50)}) {
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = content;
      const auto at =
          static_cast<std::size_t>(random.below(static_cast<std::int64_t>(damaged.size())));
      damaged[at] = static_cast<char>(random.below(256));
      if (damaged == content) continue;
      const bool refused = !refusal(damaged).empty();
      if (content[0] != '\xFF' && refused) ++png_refused;
    }
  }
  EXPECT_GT(png_refused, 3900);  // every byte of these PNG files is covered by a signature or a CRC
}

TEST(Codecs, LimitsHoldBeforePixelsAreRead) {
  std::string png = encode_png(random_image(4, 4, 4));
  DecodeLimits limits;
  limits.max_side = 3;
  EXPECT_THAT(refusal(png, limits), HasSubstr("4 x 4 pixels are beyond"));
  limits = {};
  limits.max_pixels = 15;
  EXPECT_THAT(refusal(png, limits), HasSubstr("beyond"));
  EXPECT_THAT(refusal(encode_jpeg(random_image(4, 4, 4)), limits), HasSubstr("beyond"));
  limits = {};
  limits.max_file_bytes = 10;
  EXPECT_THAT(refusal(png, limits), HasSubstr("more than the limit"));
  png[16] = '\x7F';  // the width
  EXPECT_THAT(refusal(png), HasSubstr("beyond"));
}

TEST(Codecs, WhatIsNoImageSaysSo) {
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("<html>not found</html>"), HasSubstr("not a JPEG, PNG or DICOM"));
  testing::TemporaryFolder folder;
  try {
    read_image(folder / "gone.png", {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kMissingInput);
    EXPECT_THAT(e.what(), HasSubstr("gone.png"));
  }
}

TEST(Codecs, OrientationsTurnAndMirror) {
  // 1 2 3
  // 4 5 6
  const std::vector<std::vector<int>> expected = {
      {1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
      {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    int rows = 2, cols = 3;
    std::vector<int> pixels = {1, 2, 3, 4, 5, 6};
    apply_orientation(orientation, rows, cols, pixels);
    EXPECT_EQ(pixels, expected[static_cast<std::size_t>(orientation - 1)]) << orientation;
    EXPECT_EQ(rows, swaps_sides(orientation) ? 3 : 2);
  }
}

TEST(Codecs, ExifIsReadInBothByteOrdersAndDamageMeansUpright) {
  const std::string little("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22);
  const std::string big("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", 22);
  EXPECT_EQ(exif_orientation(bytes_of(little)), 6);
  EXPECT_EQ(exif_orientation(bytes_of(big)), 6);
  for (std::size_t size = 0; size < little.size(); ++size)
    EXPECT_EQ(exif_orientation(bytes_of(little.substr(0, size))), 1);
  std::string far = little;
  far[4] = far[7] = '\xFF';
  EXPECT_EQ(exif_orientation(bytes_of(far)), 1);
  std::string nine = little;
  nine[18] = 9;
  EXPECT_EQ(exif_orientation(bytes_of(nine)), 1);
}

}  // namespace
}  // namespace biplane
