#pragma once

#include <cstdint>
#include <string_view>

#include "biplane/imaging/heatmap.h"
#include "biplane/imaging/image.h"

namespace biplane {

// Drawing into a picture; whatever does not fit into it is cut off.

struct PixelBox {
  int top = 0, left = 0, rows = 0, cols = 0;
};

// Mixes a colour into the pixel: `share` 0 leaves it, 1 replaces it.
void paint_pixel(RgbImage& image, std::int64_t y, std::int64_t x, Colour colour, double share = 1);
void paint_box(RgbImage& image, const PixelBox& box, Colour colour, double share = 1);

// Copies a smaller picture with its upper left corner at (top, left).
void place_image(const RgbImage& tile, int top, int left, RgbImage& image);

// Letters of dots: small ones (capitals become small), digits and . , : % / ( ) - +; every other
// byte is a blank. A line is kTextRows dots high; the last two lie below the line of the letters.
inline constexpr int kTextRows = 9;
struct TextStyle {
  Colour colour{230, 235, 240};
  int scale = 2;  // pixels of a dot's side, 1 or more
};
int text_width(std::string_view text, const TextStyle& style = {});  // pixels
struct TextPlace {
  int top = 0, left = 0;
};
void draw_text(RgbImage& image, std::string_view text, TextPlace place,
               const TextStyle& style = {});

}  // namespace biplane
