#include "biplane/imaging/preprocess.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <set>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/imaging/heatmap.h"

namespace biplane {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

GreyImage random_image(int rows, int cols, std::uint64_t seed) {
  CounterRandom random(seed, "image");
  GreyImage image = make_grey(rows, cols);
  for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random.below(256));
  return image;
}

template <class Pixel>
double mean(const std::vector<Pixel>& pixels) {
  return std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
}

TEST(Preprocess, ContentIsSizedInExactIntegers) {
  for (int longest = 1; longest < 3000; longest += 7) {
    for (const int size : {32, 96, 224, 256}) {
      const PadGeometry geometry = pad_geometry(longest, std::max(1, longest / 3), size);
      EXPECT_EQ(geometry.content_rows, size)
          << longest;  // floating point would give size - 1 for some
      EXPECT_EQ(geometry.top, 0);
      EXPECT_GE(geometry.content_cols, 1);
      EXPECT_EQ(geometry.left, (size - geometry.content_cols) / 2);
    }
  }
  EXPECT_EQ(pad_geometry(5000, 2, 100).content_cols, 1);
}

TEST(Preprocess, AreaAveragingIsTheAverageOfTheArea) {
  const GreyImage image{2, 4, {0, 2, 10, 20, 4, 6, 30, 40}};
  EXPECT_THAT(resize_area(image, 1, 2).pixels, ElementsAre(3, 25));
  EXPECT_THAT(resize_area(GreyImage{1, 3, {0, 90, 180}}, 1, 2).pixels, ElementsAre(30, 150));
  EXPECT_EQ(resize_area(image, 2, 4).pixels, image.pixels);
}

TEST(Preprocess, AreaAveragingKeepsTheMeanAndConstants) {
  for (const auto& [rows, cols] : {std::pair{300, 200}, {257, 511}, {1000, 37}}) {
    const GreyImage image = random_image(rows, cols, 1);
    EXPECT_NEAR(mean(resize_area(image, 30, 20).pixels), mean(image.pixels), 0.15);
    GreyImage flat = make_grey(rows, cols);
    std::fill(flat.pixels.begin(), flat.pixels.end(), std::uint8_t{173});
    EXPECT_THAT(resize_area(flat, 31, 29).pixels, Each(173));
    EXPECT_THAT(resize_area(flat, rows * 2, cols + 1).pixels, Each(173));
  }
}

TEST(Preprocess, PaddingIsZeroAndCentred) {
  GreyImage image = make_grey(100, 50);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{200});
  const GreyImage padded = resize_and_pad(image, 32);
  ASSERT_EQ(padded.rows, 32);
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x)
      EXPECT_EQ(padded.pixels[static_cast<std::size_t>(y * 32 + x)], x >= 8 && x < 24 ? 200 : 0);
}

TEST(Preprocess, AReducedImageIsFittedWithTheGeometryOfTheOriginal) {
  PreprocessOptions options;
  options.size = 64;
  options.crop = 56;
  DecodedImage decoded;
  decoded.image = make_grey(101, 51);  // of 801 x 401 reduced by 8
  std::fill(decoded.image.pixels.begin(), decoded.image.pixels.end(), std::uint8_t{255});
  decoded.original_rows = 801;
  decoded.original_cols = 401;
  const FloatImage fitted = fit_image(decoded, options);
  const double filled = mean(fitted.pixels) * 64;  // columns with content
  EXPECT_NEAR(filled, pad_geometry(801, 401, 64).content_cols, 1e-4);
}

TEST(Preprocess, OptionsAreCheckedByName) {
  const auto kind = [](const char* assignment) {
    ConfigTree tree;
    tree.set(assignment);
    PreprocessOptions options;
    load_config(tree, options);
    try {
      check_preprocess(options);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      return std::string(e.what()).substr(0, 4);
    }
    return std::string();
  };
  EXPECT_EQ(kind("size=256"), "");
  EXPECT_EQ(kind("size=0"), "size");
  EXPECT_EQ(kind("size=200"), "crop");
  EXPECT_EQ(kind("crop=0"), "crop");
  EXPECT_EQ(kind("fit=stretch"), "fit:");
}

TEST(Preprocess, RandomCropsReachEveryPositionAndFollowTheGenerator) {
  std::set<std::pair<int, int>> seen;
  for (std::uint64_t i = 0; i < 400; ++i) {
    CounterRandom a(1, "crop", {i}), b(1, "crop", {i});
    const CropOffset first = random_crop(10, 12, 8, a), second = random_crop(10, 12, 8, b);
    EXPECT_EQ(first.top, second.top);
    EXPECT_EQ(first.left, second.left);
    seen.insert({first.top, first.left});
  }
  EXPECT_EQ(seen.size(), 3U * 5U);
  CounterRandom random(1, "crop");
  EXPECT_EQ(random_crop(8, 8, 8, random).top, 0);
  EXPECT_THROW(random_crop(7, 9, 8, random), Error);
}

TEST(Preprocess, ACropIsCutNotResampled) {
  const GreyImage image{3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  EXPECT_THAT(crop_image(image, {1, 0}, 2).pixels, ElementsAre(4, 5, 7, 8));
  EXPECT_EQ(centre_crop(5, 8, 2).top, 1);
  EXPECT_EQ(centre_crop(5, 8, 2).left, 3);
  EXPECT_THROW(crop_image(image, {2, 0}, 2), Error);
  EXPECT_THROW(crop_image(image, {-1, 0}, 2), Error);
}

// A bright square in the original must lie where the mapping says.
TEST(Preprocess, CoordinatesMapToWhereTheContentIs) {
  for (const char* fit : {"longest", "shortest"}) {
    PreprocessOptions options;
    options.fit = fit;
    options.size = 128;
    options.crop = 112;
    GreyImage image = make_grey(600, 400);
    for (int y = 300; y < 360; ++y)
      for (int x = 100; x < 180; ++x) image.pixels[static_cast<std::size_t>(y * 400 + x)] = 255;
    const CropOffset offset = centre_crop(600, 400, options);
    const FloatImage input = crop_image(fit_image(image, options), offset, 112);
    double weight = 0, row = 0, col = 0;
    for (int y = 0; y < 112; ++y) {
      for (int x = 0; x < 112; ++x) {
        const double value = input.pixels[static_cast<std::size_t>(y * 112 + x)];
        weight += value;
        row += value * (y + 0.5);
        col += value * (x + 0.5);
      }
    }
    const InputMapping mapping = input_mapping(600, 400, options, offset);
    EXPECT_NEAR(row / weight, mapping.to_input_y(330), 0.05) << fit;
    EXPECT_NEAR(col / weight, mapping.to_input_x(140), 0.05) << fit;
    EXPECT_NEAR(mapping.to_original_x(mapping.to_input_x(140)), 140, 1e-9);
    EXPECT_NEAR(mapping.to_original_y(mapping.to_input_y(330)), 330, 1e-9);
  }
}

TEST(Heatmap, LightnessRisesEvenly) {
  double previous = -1;
  for (int i = 0; i < 256; ++i) {
    const Colour colour = heat_colour(i / 255.0);
    const double luminance = 0.2126 * std::pow(colour.red / 255.0, 2.2) +
                             0.7152 * std::pow(colour.green / 255.0, 2.2) +
                             0.0722 * std::pow(colour.blue / 255.0, 2.2);
    const double lightness = std::cbrt(luminance);
    EXPECT_GT(lightness, previous - 0.005) << i;
    previous = lightness;
  }
  EXPECT_EQ(heat_colour(-3).red, heat_colour(0).red);
  EXPECT_EQ(heat_colour(7).green, heat_colour(1).green);
  EXPECT_EQ(heat_colour(std::nan("")).green, heat_colour(0).green);
}

TEST(Heatmap, UpsamplingIsLinearBetweenCentres) {
  const FloatImage map{1, 2, {0, 1}};
  EXPECT_THAT(upsample_bilinear(map, 1, 4).pixels, ElementsAre(0, 0.25F, 0.75F, 1));
  EXPECT_THAT(upsample_bilinear(FloatImage{1, 1, {0.5F}}, 2, 2).pixels, Each(0.5F));
  EXPECT_THROW(upsample_bilinear(FloatImage{}, 2, 2), Error);
}

TEST(Heatmap, TheOverlayLeavesColdRegionsAlone) {
  GreyImage image = make_grey(20, 20);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{77});
  const RgbImage overlay = overlay_heatmap(image, FloatImage{2, 2, {0, 0, 0, 5}});
  EXPECT_EQ(overlay.pixels[0], 77);
  EXPECT_EQ(overlay.pixels[2], 77);
  const std::size_t hot = 3 * (19 * 20 + 19);
  EXPECT_GT(overlay.pixels[hot], overlay.pixels[hot + 2]);  // towards yellow
  const RgbImage flat = overlay_heatmap(image, FloatImage{1, 1, {3}});
  EXPECT_THAT(flat.pixels, Each(77));
}

TEST(Heatmap, OutlinesAreDrawnInsideTheMask) {
  RgbImage outline = make_rgb(5, 5);
  std::vector<std::uint8_t> mask(25, 0);
  for (int y = 1; y < 4; ++y)
    for (int x = 1; x < 4; ++x) mask[static_cast<std::size_t>(y * 5 + x)] = 1;
  draw_mask_outline(outline, mask, {9, 9, 9});
  EXPECT_EQ(std::count(outline.pixels.begin(), outline.pixels.end(), 9), 8 * 3);
  EXPECT_THROW(draw_mask_outline(outline, std::vector<std::uint8_t>(24), {9, 9, 9}), Error);
}

TEST(Image, GreyAndFloatConvertIntoEachOther) {
  const GreyImage image = random_image(16, 16, 9);
  EXPECT_EQ(to_grey(to_float(image)).pixels, image.pixels);
  const FloatImage odd{1, 4, {-1, 2, std::nanf(""), 0.5F}};
  EXPECT_THAT(to_grey(odd).pixels, ElementsAre(0, 255, 0, 128));
}

}  // namespace
}  // namespace biplane
