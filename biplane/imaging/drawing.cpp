#include "biplane/imaging/drawing.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace biplane {
namespace {

constexpr int kTextCols = 5;
constexpr int kAdvance = kTextCols + 1;  // one dot between letters

struct Glyph {
  char letter;
  std::array<std::uint8_t, kTextRows> rows;  // the lowest bit is the rightmost dot
};

constexpr auto kGlyphs = std::to_array<Glyph>({
    {'%', {25, 25, 2, 4, 8, 19, 19, 0, 0}},    {'(', {2, 4, 8, 8, 8, 4, 2, 0, 0}},
    {')', {8, 4, 2, 2, 2, 4, 8, 0, 0}},        {'+', {0, 4, 4, 31, 4, 4, 0, 0, 0}},
    {',', {0, 0, 0, 0, 0, 12, 4, 8, 0}},       {'-', {0, 0, 0, 31, 0, 0, 0, 0, 0}},
    {'.', {0, 0, 0, 0, 0, 12, 12, 0, 0}},      {'/', {1, 1, 2, 4, 8, 16, 16, 0, 0}},
    {'0', {14, 17, 19, 21, 25, 17, 14, 0, 0}}, {'1', {4, 12, 4, 4, 4, 4, 14, 0, 0}},
    {'2', {14, 17, 1, 2, 4, 8, 31, 0, 0}},     {'3', {31, 2, 4, 2, 1, 17, 14, 0, 0}},
    {'4', {2, 6, 10, 18, 31, 2, 2, 0, 0}},     {'5', {31, 16, 30, 1, 1, 17, 14, 0, 0}},
    {'6', {6, 8, 16, 30, 17, 17, 14, 0, 0}},   {'7', {31, 1, 2, 4, 8, 8, 8, 0, 0}},
    {'8', {14, 17, 17, 14, 17, 17, 14, 0, 0}}, {'9', {14, 17, 17, 15, 1, 2, 12, 0, 0}},
    {':', {0, 0, 12, 12, 0, 12, 12, 0, 0}},    {'a', {0, 0, 14, 1, 15, 17, 15, 0, 0}},
    {'b', {16, 16, 30, 17, 17, 17, 30, 0, 0}}, {'c', {0, 0, 15, 16, 16, 16, 15, 0, 0}},
    {'d', {1, 1, 15, 17, 17, 17, 15, 0, 0}},   {'e', {0, 0, 14, 17, 31, 16, 15, 0, 0}},
    {'f', {6, 8, 30, 8, 8, 8, 8, 0, 0}},       {'g', {0, 0, 15, 17, 17, 17, 15, 1, 14}},
    {'h', {16, 16, 30, 17, 17, 17, 17, 0, 0}}, {'i', {4, 0, 12, 4, 4, 4, 14, 0, 0}},
    {'j', {2, 0, 6, 2, 2, 2, 2, 18, 12}},      {'k', {16, 16, 18, 20, 24, 20, 18, 0, 0}},
    {'l', {12, 4, 4, 4, 4, 4, 14, 0, 0}},      {'m', {0, 0, 26, 21, 21, 21, 21, 0, 0}},
    {'n', {0, 0, 30, 17, 17, 17, 17, 0, 0}},   {'o', {0, 0, 14, 17, 17, 17, 14, 0, 0}},
    {'p', {0, 0, 30, 17, 17, 17, 30, 16, 16}}, {'q', {0, 0, 15, 17, 17, 17, 15, 1, 1}},
    {'r', {0, 0, 22, 25, 16, 16, 16, 0, 0}},   {'s', {0, 0, 15, 16, 14, 1, 30, 0, 0}},
    {'t', {8, 8, 30, 8, 8, 8, 6, 0, 0}},       {'u', {0, 0, 17, 17, 17, 17, 15, 0, 0}},
    {'v', {0, 0, 17, 17, 17, 10, 4, 0, 0}},    {'w', {0, 0, 21, 21, 21, 21, 10, 0, 0}},
    {'x', {0, 0, 17, 10, 4, 10, 17, 0, 0}},    {'y', {0, 0, 17, 17, 17, 17, 15, 1, 14}},
    {'z', {0, 0, 31, 2, 4, 8, 31, 0, 0}},
});

const Glyph* find_glyph(char letter) {
  const bool capital = letter >= 'A' && letter <= 'Z';
  const char small = capital ? static_cast<char>(letter - 'A' + 'a') : letter;
  const auto found = std::find_if(kGlyphs.begin(), kGlyphs.end(),
                                  [small](const Glyph& glyph) { return glyph.letter == small; });
  return found == kGlyphs.end() ? nullptr : &*found;
}

std::uint8_t mix(std::uint8_t under, std::uint8_t over, double share) {
  return static_cast<std::uint8_t>(std::lround(under + share * (over - under)));
}

}  // namespace

void paint_pixel(RgbImage& image, std::int64_t y, std::int64_t x, Colour colour, double share) {
  if (y < 0 || x < 0 || y >= image.rows || x >= image.cols) return;
  std::uint8_t* pixel = &image.pixels[3 * static_cast<std::size_t>(y * image.cols + x)];
  pixel[0] = mix(pixel[0], colour.red, share);
  pixel[1] = mix(pixel[1], colour.green, share);
  pixel[2] = mix(pixel[2], colour.blue, share);
}

void paint_box(RgbImage& image, const PixelBox& box, Colour colour, double share) {
  for (int y = box.top; y < box.top + box.rows; ++y)
    for (int x = box.left; x < box.left + box.cols; ++x) paint_pixel(image, y, x, colour, share);
}

void place_image(const RgbImage& tile, int top, int left, RgbImage& image) {
  for (int y = 0; y < tile.rows; ++y) {
    for (int x = 0; x < tile.cols; ++x) {
      const std::uint8_t* pixel = &tile.pixels[3 * static_cast<std::size_t>(y * tile.cols + x)];
      paint_pixel(image, top + y, left + x, {pixel[0], pixel[1], pixel[2]});
    }
  }
}

int text_width(std::string_view text, const TextStyle& style) {
  return text.empty() ? 0 : (static_cast<int>(text.size()) * kAdvance - 1) * style.scale;
}

void draw_text(RgbImage& image, std::string_view text, TextPlace place, const TextStyle& style) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Glyph* glyph = find_glyph(text[i]);
    if (glyph == nullptr) continue;
    const int left = place.left + static_cast<int>(i) * kAdvance * style.scale;
    for (int dot = 0; dot < kTextRows * kTextCols; ++dot) {
      const int row = dot / kTextCols, column = dot % kTextCols;
      const bool set = glyph->rows[static_cast<std::size_t>(row)] >> (kTextCols - 1 - column) & 1;
      if (set)
        paint_box(
            image,
            {place.top + row * style.scale, left + column * style.scale, style.scale, style.scale},
            style.colour);
    }
  }
}

}  // namespace biplane
