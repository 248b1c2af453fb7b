// Object-CXR: foreign objects as rectangles, ellipses and polygons.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "biplane/formats/csv.h"
#include "biplane/formats/rle.h"
#include "biplane/phantom/label_maps.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"

namespace biplane {
namespace {

const char* folder_of(Split split) {
  return split == Split::kTrain ? "train/" : split == Split::kValidate ? "dev/" : "test/";
}

void name_views(const StudyPlace& place, const std::string& ending, std::int64_t, Study& study) {
  for (View& view : study.views)
    view.path = folder_of(place.split) + padded(study_number(place), 5) + ending;
}

struct Corners {
  std::int64_t left = 0, top = 0, right = 0, bottom = 0;  // right and bottom outside
};

Corners corners_of(const Box& box) {
  return {static_cast<std::int64_t>(box.x), static_cast<std::int64_t>(box.y),
          static_cast<std::int64_t>(box.x + box.w), static_cast<std::int64_t>(box.y + box.h)};
}

// Draws `margin` pixels around an object, inside the image.
struct Pencil {
  std::int64_t margin, rows, cols;

  Pencil(const View& view, double share)
      : margin(std::lround(share * static_cast<double>(std::min(view.rows, view.cols)))),
        rows(view.rows),
        cols(view.cols) {}
  std::int64_t left(std::int64_t x) const { return std::max<std::int64_t>(0, x - margin); }
  std::int64_t top(std::int64_t y) const { return std::max<std::int64_t>(0, y - margin); }
  std::int64_t right(std::int64_t x) const { return std::min(cols, x + margin); }
  std::int64_t bottom(std::int64_t y) const { return std::min(rows, y + margin); }
};

// A polygon down the left side of a mask inside its box and up the right side; it touches all sides
// of the box with its margin.
std::vector<std::int64_t> outline(const Mask& mask, const Corners& box, const Pencil& pencil) {
  const std::vector<std::uint8_t> pixels = decode_rle(mask.rle, mask.rows, mask.cols);
  std::vector<std::int64_t> down, up;
  for (std::int64_t y = box.top; y < box.bottom; ++y) {
    std::int64_t first = box.right, last = box.left - 1;
    for (std::int64_t x = box.left; x < box.right; ++x) {
      if (pixels[static_cast<std::size_t>(y * mask.cols + x)] == 0) continue;
      first = std::min(first, x);
      last = x;
    }
    if (last < first) continue;
    const std::int64_t top = y == box.top ? pencil.top(y) : y,
                       bottom = y + 1 == box.bottom ? pencil.bottom(y + 1) : y + 1;
    down.insert(down.end(), {pencil.left(first), top, pencil.left(first), bottom});
    up.insert(up.begin(), {pencil.right(last + 1), bottom, pencil.right(last + 1), top});
  }
  down.insert(down.end(), up.begin(), up.end());
  return down;
}

std::string annotation(const Study& study, const Box& box, ForeignShape shape, double margin) {
  const Corners c = corners_of(box);
  const Pencil pencil(study.views.at(static_cast<std::size_t>(box.view)), margin);
  if (shape == ForeignShape::kPolygon)
    for (const Mask& mask : study.masks)
      if (mask.view == box.view && mask.label == box.label)
        return fmt::format("2 {}", fmt::join(outline(mask, c, pencil), " "));
  return fmt::format("{} {} {} {} {}", shape == ForeignShape::kEllipse ? 1 : 0, pencil.left(c.left),
                     pencil.top(c.top), pencil.right(c.right), pencil.bottom(c.bottom));
}

LayoutEntry describe(const LayoutStudy& made) {
  const Study& study = made.study;
  NoiseStream noise = made.stream("object-cxr");
  std::vector<std::string> objects;
  for (const Box& box : study.boxes) {
    const ForeignShape shape = corpus_labels(box.label).foreign;
    // An object that the annotator overlooked.
    if (shape != ForeignShape::kNone && !noise.flips())
      objects.push_back(annotation(study, box, shape, noise.rates().margin));
  }
  if (noise.flips()) {
    const View& view = study.views.front();
    const RegionBox box = noise.spurious_box(view.rows, view.cols);
    objects.push_back(fmt::format("0 {} {} {} {}", box.x, box.y, box.x + box.w, box.y + box.h));
  }
  const std::string& path = study.views.front().path;
  LayoutEntry entry;
  entry.rows.emplace_back(
      static_cast<std::size_t>(study.split),
      csv_line({path.substr(path.rfind('/') + 1), fmt::format("{}", fmt::join(objects, ";"))}));
  return entry;
}

}  // namespace

Layout object_cxr_layout() {
  return {.name = "object-cxr",
          .summary = "Object-CXR: train.csv, dev.csv, test.csv with foreign objects",
          .formats = {"jpeg"},
          .laterals = false,
          .hardware = true,
          .styles = {"low_dose", "processed"},
          .noise = {.flip = 0.03, .margin = 0.02},
          .tables = {{"train.csv", "image_name,annotation"},  // in the order of Split
                     {"dev.csv", "image_name,annotation"},
                     {"test.csv", "image_name,annotation"}},
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane
