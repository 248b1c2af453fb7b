// Every kind of PNG and JPEG file, made without the code under test.
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <numeric>
#include <tuple>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/preprocess.h"
#include "tests/imaging/jpeg_builder.h"
#include "tests/imaging/png_builder.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using testing::JpegBuilder;
using testing::PngBuilder;

std::span<const std::byte> bytes_of(const std::string& content) {
  return std::as_bytes(std::span(content));
}

// --- PNG

// A sample that uses all bits of its depth and differs between rows, columns and channels.
unsigned sample_of(int depth, int y, int x, int c) {
  const unsigned hash = static_cast<unsigned>(y * 7919 + x * 104729 + c * 1299709 + 12345) * 40503U;
  return hash >> 8 & ((1U << depth) - 1);
}

std::array<unsigned, 3> palette_colour(unsigned index) {
  return {index * 37 % 256, index * 91 % 256, index * 53 % 256};
}

std::string palette_chunks(int depth) {
  std::string colours;
  for (unsigned i = 0; i < 1U << depth; ++i)
    for (const unsigned value : palette_colour(i)) colours += static_cast<char>(value);
  return testing::png_chunk("PLTE", colours) + testing::png_chunk("tRNS", std::string(2, '\x10'));
}

// What the pixel means, in 0 .. 65535.
std::int64_t expected_grey16(const PngBuilder& png, int y, int x) {
  const int depth = png.type == 3 ? 8 : png.depth;
  const double spread = 65535.0 / ((1 << depth) - 1);
  const auto luma = [&](double r, double g, double b) {
    // Colour is rounded to the depth that it is stored in.
    return std::floor(0.299 * r + 0.587 * g + 0.114 * b + 0.5 + 1e-9) * spread;
  };
  const auto at = [&](int c) { return static_cast<double>(sample_of(png.depth, y, x, c)); };
  if (png.type == 3) {
    const auto colour = palette_colour(sample_of(png.depth, y, x, 0));
    return std::llround(luma(colour[0], colour[1], colour[2]));
  }
  if (png.channels() < 3) return std::llround(at(0) * spread);
  return std::llround(luma(at(0), at(1), at(2)));
}

TEST(CodecKinds, EveryKindOfPngIsItsGreyValues) {
  const std::vector<std::pair<int, int>> kinds = {{0, 1}, {0, 2},  {0, 4},  {0, 8}, {0, 16},
                                                  {2, 8}, {2, 16}, {3, 1},  {3, 2}, {3, 4},
                                                  {3, 8}, {4, 8},  {4, 16}, {6, 8}, {6, 16}};
  for (const auto& [type, depth] : kinds) {
    for (const bool interlaced : {false, true}) {
      for (const auto& [rows, cols] : {std::pair{1, 1}, {2, 3}, {11, 13}, {8, 16}}) {
        SCOPED_TRACE(::testing::Message() << "type " << type << ", " << depth << " bit, " << rows
                                          << " x " << cols << (interlaced ? ", interlaced" : ""));
        PngBuilder png;
        png.rows = rows;
        png.cols = cols;
        png.depth = depth;
        png.type = type;
        png.interlaced = interlaced;
        if (type == 3) png.before_pixels = palette_chunks(depth);
        const std::string file =
            png.file([&png](int y, int x, int c) { return sample_of(png.depth, y, x, c); });
        const GreyImage grey = decode_grey(bytes_of(file), "x");
        const FloatImage wide = decode_float(bytes_of(file), "x");
        ASSERT_EQ(std::tuple(grey.rows, grey.cols), std::tuple(rows, cols));
        for (int y = 0; y < rows; ++y)
          for (int x = 0; x < cols; ++x) {
            const auto i = static_cast<std::size_t>(y * cols + x);
            const std::int64_t expected = expected_grey16(png, y, x);
            ASSERT_EQ(grey.pixels[i], expected >> 8) << y << ", " << x;
            ASSERT_EQ(wide.pixels[i], static_cast<float>(expected) / 65535.0F) << y << ", " << x;
          }
      }
    }
  }
}

TEST(CodecKinds, GammaTransparencyAndAnimationLeaveThePixelsAsTheyAreStored) {
  PngBuilder png;
  const auto sample = [](int y, int x, int) { return static_cast<unsigned>(40 * y + x); };
  const GreyImage plain = decode_grey(bytes_of(png.file(sample)), "x");
  png.before_pixels = testing::png_chunk("gAMA", testing::big_endian_bytes(100000)) +
                      testing::png_chunk("tRNS", std::string("\0\x03", 2)) +
                      testing::png_chunk("acTL", testing::big_endian_bytes(2) + std::string(4, 0));
  png.after_pixels = testing::png_chunk("fdAT", testing::big_endian_bytes(1) + "no picture");
  EXPECT_EQ(decode_grey(bytes_of(png.file(sample)), "x").pixels, plain.pixels);
}

// --- JPEG

int smooth(int y, int x, int c) {
  return static_cast<int>(128 + 90 * std::sin(y * 0.06 + c) * std::cos(x * 0.05 - c));
}

TEST(CodecKinds, EveryKindOfJpegIsItsLuma) {
  JpegBuilder grey, colour, halved, progressive, coded, restarted;
  colour.components = halved.components = progressive.components = coded.components = 3;
  halved.sampling = progressive.sampling = 2;
  progressive.progressive = coded.arithmetic = true;
  restarted.restart_rows = 1;
  int number = 0;
  for (JpegBuilder jpeg : {grey, colour, halved, progressive, coded, restarted}) {
    SCOPED_TRACE(number++);
    jpeg.rows = 61;
    jpeg.cols = 83;
    jpeg.quality = 95;
    const GreyImage image = decode_grey(bytes_of(jpeg.file(smooth)), "x");
    ASSERT_EQ(std::tuple(image.rows, image.cols), std::tuple(61, 83));
    for (int y = 0; y < 61; ++y)
      for (int x = 0; x < 83; ++x) {
        const double luma =
            jpeg.components == 1
                ? smooth(y, x, 0)
                : 0.299 * smooth(y, x, 0) + 0.587 * smooth(y, x, 1) + 0.114 * smooth(y, x, 2);
        ASSERT_NEAR(image.pixels[static_cast<std::size_t>(y * 83 + x)], luma, 5) << y << ", " << x;
      }
  }
}

TEST(CodecKinds, ACmykJpegIsRefusedByName) {
  JpegBuilder jpeg;
  jpeg.components = 4;
  const std::string file = jpeg.file(smooth);
  try {
    decode_grey(bytes_of(file), "print.jpg");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(e.what(), HasSubstr("print.jpg"));
    EXPECT_THAT(e.what(), HasSubstr("CMYK"));
  }
}

// --- the image reduced by 8

std::optional<GreyImage> eighth(const std::string& file) {
  DecodeOptions options;
  options.target_longest_side = 1;
  try {
    const DecodedImage decoded = decode_image(bytes_of(file), "x", options);
    return decoded.reduction.by == 8 ? std::optional(decoded.image) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<JpegBuilder> sequential_kinds() {
  std::vector<JpegBuilder> kinds;
  for (const auto& [rows, cols] : {std::pair{8, 8}, {9, 17}, {61, 83}, {200, 121}})
    for (const int components : {1, 3})
      for (const int sampling : {1, 2})
        for (const int restart_rows : {0, 1}) {
          JpegBuilder jpeg;
          jpeg.rows = rows;
          jpeg.cols = cols;
          jpeg.components = components;
          jpeg.sampling = sampling;
          jpeg.restart_rows = restart_rows;
          kinds.push_back(jpeg);
        }
  return kinds;
}

TEST(CodecKinds, BlockMeansAreThoseOfLibjpeg) {
  CounterRandom random(8, "noise");
  const auto noise = [&](int, int, int) { return static_cast<int>(random.below(256)); };
  const auto edges = [](int y, int x, int) { return (x / 3 + y / 5) % 2 == 0 ? 0 : 255; };
  for (const JpegBuilder& kind : sequential_kinds())
    for (const int quality : {1, 40, 92, 100})
      for (const std::function<int(int, int, int)>& content :
           {std::function<int(int, int, int)>(smooth), {noise}, {edges}}) {
        JpegBuilder jpeg = kind;
        jpeg.quality = quality;
        const std::string file = jpeg.file(content);
        const auto expected = testing::eighth_by_libjpeg(file), found = eighth(file);
        ASSERT_TRUE(expected && found);
        ASSERT_EQ(found->pixels, expected->pixels)
            << jpeg.rows << " x " << jpeg.cols << ", " << jpeg.components << " components, quality "
            << quality;
        ASSERT_EQ(std::tuple(found->rows, found->cols), std::tuple(expected->rows, expected->cols));
      }
}

TEST(CodecKinds, BlockMeansOfDamagedFilesAreThoseOfLibjpegOrAreRefusedAsByIt) {
  CounterRandom random(9, "damage");
  int refused = 0, taken = 0;
  for (JpegBuilder jpeg : sequential_kinds()) {
    jpeg.quality = 75;
    const std::string file = jpeg.file(smooth);
    for (int round = 0; round < 100; ++round) {
      std::string damaged = file;
      const auto size = static_cast<std::int64_t>(file.size());
      damaged[static_cast<std::size_t>(2 + random.below(size - 2))] =
          static_cast<char>(random.below(256));
      if (round % 4 == 0) damaged.resize(static_cast<std::size_t>(size - random.below(size / 2)));
      const auto expected = testing::eighth_by_libjpeg(damaged), found = eighth(damaged);
      if (!expected) {
        ++refused;
        ASSERT_FALSE(found);
      } else if (found) {  // a file may also be refused for its size or its components
        ++taken;
        ASSERT_EQ(found->pixels, expected->pixels);
      }
    }
  }
  EXPECT_GT(refused, 250);
  EXPECT_GT(taken, 250);
}

// --- the mean of reduced images

double content_mean(const FloatImage& fitted, const DecodedImage& decoded, int size) {
  const PadGeometry pad = pad_geometry(decoded.original_rows, decoded.original_cols, size);
  const double sum = std::accumulate(fitted.pixels.begin(), fitted.pixels.end(), 0.0);
  return sum / (static_cast<double>(pad.content_rows) * pad.content_cols);
}

double plain_mean(const FloatImage& image) {
  return std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) /
         static_cast<double>(image.pixels.size());
}

// Largest difference of the means of the model input, made from the reduced image and from the full
// one.
double difference_of_means(const std::string& file, int size, bool& reduced) {
  PreprocessOptions options;
  options.size = options.crop = size;
  DecodeOptions decode;
  decode.target_longest_side = size;
  const DecodedImage small = decode_image(bytes_of(file), "x", decode);
  const DecodedImage full = decode_image(bytes_of(file), "x", {});
  EXPECT_EQ(small.original_rows, full.image.rows);
  EXPECT_EQ(small.original_cols, full.image.cols);
  reduced = small.image.rows < full.image.rows;
  double largest = std::abs(content_mean(fit_image(small, options), small, size) -
                            content_mean(fit_image(full, options), full, size));
  options.fit = "shortest";
  decode = {};
  decode.target_shortest_side = size;
  const DecodedImage other = decode_image(bytes_of(file), "x", decode);
  return std::max(largest, std::abs(plain_mean(fit_image(other, options)) -
                                    plain_mean(fit_image(full, options))));
}

TEST(CodecKinds, AReducedJpegHasTheMeanOfTheFullOne) {
  struct Shape {
    int rows, cols, size;
  };
  const std::vector<Shape> shapes = {{2048, 1024, 256}, {2055, 1033, 256}, {515, 513, 128},
                                     {257, 257, 32},    {250, 129, 16},    {1030, 522, 256}};
  CounterRandom random(3, "noise");
  const std::vector<std::function<int(int, int, int)>> contents = {
      smooth,
      [&](int y, int x, int c) {
        return smooth(y, x, c) + static_cast<int>(random.below(31)) - 15;
      },
      // Bright last rows and columns: they must not count for more than they are.
      [&](int y, int x, int) { return x % 257 == 256 || y % 257 == 256 ? 240 : 15; },
      [](int y, int x, int) { return (x / 8 + y / 8) % 2 == 0 ? 30 : 220; }};
  for (const Shape& shape : shapes)
    for (const int quality : {30, 95})
      for (std::size_t content = 0; content < contents.size(); ++content) {
        JpegBuilder jpeg;
        jpeg.rows = shape.rows;
        jpeg.cols = shape.cols;
        jpeg.quality = quality;
        jpeg.progressive = quality == 30;
        bool reduced = false;
        const std::string file = jpeg.file(contents[content]);
        EXPECT_LE(difference_of_means(file, shape.size, reduced), 1.0 / 255)
            << shape.rows << " x " << shape.cols << " to " << shape.size << ", quality " << quality
            << ", content " << content;
        EXPECT_TRUE(reduced);
      }
}

TEST(CodecKinds, AReducedJpegThatIsTurnedHasTheMeanOfTheFullOne) {
  JpegBuilder jpeg;
  jpeg.rows = 257;
  jpeg.cols = 393;
  const std::string file =
      jpeg.file([](int y, int x, int) { return y == 256 || x == 392 ? 250 : 20 + x / 4; });
  for (int orientation = 1; orientation <= 8; ++orientation) {
    bool reduced = false;
    const std::string turned = JpegBuilder::turned(file, orientation);
    EXPECT_EQ(probe_image(bytes_of(turned), "x").rows, orientation < 5 ? 257 : 393);
    EXPECT_LE(difference_of_means(turned, 32, reduced), 1.0 / 255) << orientation;
    EXPECT_TRUE(reduced);
  }
}

// The places of things, not only their mean: a bright block lies where it lies in the full image.
TEST(CodecKinds, AReducedJpegThatIsTurnedShowsThingsInTheirPlaces) {
  JpegBuilder jpeg;
  jpeg.rows = 257;
  jpeg.cols = 393;
  const std::string file = jpeg.file(
      [](int y, int x, int) { return y > 60 && y < 140 && x > 50 && x < 111 ? 230 : 30; });
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string turned = JpegBuilder::turned(file, orientation);
    DecodeOptions decode;
    decode.target_longest_side = 48;
    const DecodedImage small = decode_image(bytes_of(turned), "x", decode);
    const DecodedImage full = decode_image(bytes_of(turned), "x", {});
    EXPECT_EQ(small.reduction.by, 8);
    const PadGeometry pad = pad_geometry(full.original_rows, full.original_cols, 48);
    const GreyImage a = resize_and_pad(small, pad), b = resize_and_pad(full, pad);
    for (std::size_t i = 0; i < a.pixels.size(); ++i)
      ASSERT_NEAR(a.pixels[i], b.pixels[i], 80) << orientation << ": " << i / 48 << ", " << i % 48;
  }
}

}  // namespace
}  // namespace biplane
