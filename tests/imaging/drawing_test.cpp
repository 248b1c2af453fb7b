#include "biplane/imaging/drawing.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace biplane {
namespace {

int painted(const RgbImage& image) {
  return static_cast<int>(std::count_if(image.pixels.begin(), image.pixels.end(),
                                        [](std::uint8_t value) { return value != 0; })) /
         3;
}

TEST(Drawing, BoxesAreMixedInAndCutOffAtTheEdges) {
  RgbImage image = make_rgb(4, 5);
  paint_box(image, {-1, 3, 3, 9}, {200, 100, 40}, 0.5);
  EXPECT_EQ(painted(image), 2 * 2);
  EXPECT_EQ(image.pixels[3 * 3], 100);
  EXPECT_EQ(image.pixels[3 * 3 + 1], 50);
  EXPECT_EQ(image.pixels[3 * 3 + 2], 20);
  paint_pixel(image, 0, 5, {1, 1, 1});
  EXPECT_EQ(painted(image), 2 * 2);
}

TEST(Drawing, TextIsAsWideAsItSaysAndCapitalsAreSmallLetters) {
  const auto drawn = [](const char* text, int scale) {
    RgbImage image = make_rgb(kTextRows * scale, text_width(text, {{9, 9, 9}, scale}) + 4);
    draw_text(image, text, {}, {{9, 9, 9}, scale});
    return image;
  };
  EXPECT_EQ(text_width("", {}), 0);
  EXPECT_EQ(text_width("kept", {{}, 3}), (4 * 6 - 1) * 3);
  EXPECT_EQ(drawn("Kept 7", 1).pixels, drawn("kept 7", 1).pixels);
  EXPECT_EQ(painted(drawn("m0", 2)), 4 * painted(drawn("m0", 1)));
  EXPECT_EQ(painted(drawn("\xC3\xA9~", 1)), 0);
  // A 7 ends at its foot, two dots above the last row of the line; a g goes to that row.
  const RgbImage image = drawn("7g", 1);
  const auto row_painted = [&](int row, int from, int to) {
    const auto begin = image.pixels.begin() + 3L * (row * image.cols + from);
    return std::any_of(begin, begin + 3L * (to - from), [](std::uint8_t v) { return v != 0; });
  };
  EXPECT_TRUE(row_painted(6, 0, 5));
  EXPECT_FALSE(row_painted(7, 0, 5));
  EXPECT_TRUE(row_painted(kTextRows - 1, 6, 11));
  EXPECT_FALSE(row_painted(0, 11, 15));
}

TEST(Drawing, PicturesArePlaced) {
  RgbImage tile = make_rgb(2, 2), image = make_rgb(3, 3);
  paint_box(tile, {0, 0, 2, 2}, {7, 8, 9});
  place_image(tile, 1, 2, image);
  EXPECT_EQ(painted(image), 2);
  EXPECT_EQ(image.pixels[3 * 5], 7);
}

}  // namespace
}  // namespace biplane
