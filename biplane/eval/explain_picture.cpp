#include "biplane/eval/explain_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "biplane/imaging/drawing.h"

namespace biplane {
namespace {

constexpr Colour kPaper{22, 27, 34}, kBlack{0, 0, 0}, kHatch{130, 150, 175};
// Amber and blue: both show on white, on black, and on each other.
constexpr Colour kTint{255, 165, 0}, kLine{60, 180, 255};
constexpr double kDarkness = 0.7;  // of discarded patches
constexpr double kHatchShare = 0.45;
constexpr int kHatchStep = 8;  // pixels between hatch lines
constexpr double kFullTint = 0.7;
constexpr int kMargin = 20, kRow = 30;  // pixels: around everything, from one line to the next
constexpr int kSwatch = 20;
constexpr int kBar = 120;  // width of the legend's bar of tints

// A few patches have most of the weight; the root keeps the others apart.
double tint_share(double part) { return kFullTint * std::sqrt(part); }

PixelBox patch_box(const ViewSelection& view, std::int64_t row, std::int64_t column) {
  const auto edge = [](std::int64_t side, std::int64_t place, std::int64_t count) {
    return static_cast<int>(side * place / count);
  };
  const int top = edge(view.image.rows, row, view.grid_rows);
  const int left = edge(view.image.cols, column, view.grid_columns);
  return {top, left, edge(view.image.rows, row + 1, view.grid_rows) - top,
          edge(view.image.cols, column + 1, view.grid_columns) - left};
}

void discard(RgbImage& image, const PixelBox& box) {
  paint_box(image, box, kBlack, kDarkness);
  for (int y = box.top; y < box.top + box.rows; ++y) {
    for (int x = box.left; x < box.left + box.cols; ++x)
      if ((x + y) % kHatchStep == 0) paint_pixel(image, y, x, kHatch, kHatchShare);
  }
}

// How visible the line between two neighbours is.
double line_share(const PatchSelection& one, const PatchSelection& other) {
  if (one.kept && other.kept) return one.slot == other.slot ? 0 : 0.5;
  return one.kept || other.kept ? 0.8 : 0.15;
}

void draw_lines(const ViewSelection& view, RgbImage& image) {
  const auto patch = [&](std::int64_t row, std::int64_t column) -> const PatchSelection& {
    return view.patches[static_cast<std::size_t>(row * view.grid_columns + column)];
  };
  for (std::int64_t row = 0; row < view.grid_rows; ++row) {
    for (std::int64_t column = 0; column < view.grid_columns; ++column) {
      const PixelBox box = patch_box(view, row, column);
      if (column > 0)
        paint_box(image, {box.top, box.left, box.rows, 1}, kLine,
                  line_share(patch(row, column - 1), patch(row, column)));
      if (row > 0)
        paint_box(image, {box.top, box.left, 1, box.cols}, kLine,
                  line_share(patch(row - 1, column), patch(row, column)));
    }
  }
}

RgbImage grey_box(int rows, int cols) {
  RgbImage image = make_rgb(rows, cols);
  paint_box(image, {0, 0, rows, cols}, {128, 128, 128});
  return image;
}

// The legend's entries in lines of at most `width` pixels; returns the rows that they take.
class Legend {
 public:
  explicit Legend(int width) : width_(width) {}

  void add(const RgbImage& swatch, const std::string& text) {
    const int wide = swatch.cols + kGap + text_width(text);
    if (left_ > 0 && left_ + wide > width_) {
      left_ = 0;
      top_ += kRow;
    }
    entries_.push_back({swatch, text, top_, left_});
    left_ += wide + 2 * kMargin;
  }
  int rows() const { return top_ + kRow; }
  void draw(RgbImage& image, int top) const {
    for (const Entry& entry : entries_) {
      place_image(entry.swatch, top + entry.top, kMargin + entry.left, image);
      draw_text(image, entry.text,
                {top + entry.top + 3, kMargin + entry.left + entry.swatch.cols + kGap});
    }
  }

 private:
  static constexpr int kGap = 8;
  struct Entry {
    RgbImage swatch;
    std::string text;
    int top = 0, left = 0;
  };
  std::vector<Entry> entries_;
  int width_, top_ = 0, left_ = 0;
};

Legend make_legend(const WeightScale& scale, int width) {
  Legend legend(width);
  RgbImage dark = grey_box(kSwatch, kSwatch), bar = grey_box(kSwatch, kBar);
  discard(dark, {0, 0, kSwatch, kSwatch});
  for (int x = 0; x < kBar; ++x)
    paint_box(bar, {0, x, kSwatch, 1}, tinted_grey(static_cast<double>(x) / (kBar - 1)));
  RgbImage pair = grey_box(kSwatch, 2 * kSwatch);
  paint_box(pair, {0, kSwatch, kSwatch, 1}, kLine);
  legend.add(dark, "discarded");
  legend.add(bar, fmt::format("kept: 0 to {:.1f} x even weight", scale.most_shares()));
  legend.add(pair, "line: other slot");
  return legend;
}

}  // namespace

WeightScale weight_scale(const SelectionExplanation& explanation) {
  WeightScale scale;
  std::int64_t kept = 0;
  for (const ViewSelection& view : explanation.views) {
    kept += view.kept;
    for (const PatchSelection& patch : view.patches)
      scale.most = std::max(scale.most, patch.weight);
  }
  if (kept > 0) scale.even_share = 1.0 / static_cast<double>(kept);
  return scale;
}

Colour tinted_grey(double part) {
  RgbImage pixel = grey_box(1, 1);
  paint_pixel(pixel, 0, 0, kTint, tint_share(part));
  return {pixel.pixels[0], pixel.pixels[1], pixel.pixels[2]};
}

RgbImage selection_overlay(const ViewSelection& view, const WeightScale& scale) {
  RgbImage image = to_rgb(view.image);
  for (std::size_t i = 0; i < view.patches.size(); ++i) {
    const PatchSelection& patch = view.patches[i];
    const auto place = static_cast<std::int64_t>(i);
    const PixelBox box = patch_box(view, place / view.grid_columns, place % view.grid_columns);
    const double part = scale.most > 0 ? patch.weight / scale.most : 0;
    if (patch.kept) {
      paint_box(image, box, kTint, tint_share(part));
    } else {
      discard(image, box);
    }
  }
  draw_lines(view, image);
  return image;
}

RgbImage selection_picture(const SelectionExplanation& explanation) {
  const WeightScale scale = weight_scale(explanation);
  int width = kMargin, height = 0;
  for (const ViewSelection& view : explanation.views) {
    width += view.image.cols + kMargin;
    height = std::max(height, view.image.rows);
  }
  const Legend legend = make_legend(scale, width - 2 * kMargin);
  const int top = kMargin + kRow, below = top + height + kMargin;
  RgbImage picture = make_rgb(below + legend.rows() + kMargin / 2, width);
  paint_box(picture, {0, 0, picture.rows, picture.cols}, kPaper);
  int left = kMargin;
  for (const ViewSelection& view : explanation.views) {
    draw_text(picture, fmt::format("{}: {} of {} kept", view.view, view.kept, view.patches.size()),
              {kMargin, left});
    place_image(selection_overlay(view, scale), top, left, picture);
    left += view.image.cols + kMargin;
  }
  legend.draw(picture, below);
  return picture;
}

}  // namespace biplane
