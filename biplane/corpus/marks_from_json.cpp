#include "biplane/corpus/marks_from_json.h"

#include "biplane/corpus/marks.h"

namespace biplane::json {
namespace {

std::int64_t read_view_index(const Fields& fields, std::size_t views) {
  std::int64_t index = 0;
  fields.read("view", index, 0);
  if (static_cast<std::size_t>(index) >= views) {
    throw_value(fields.name("view"), std::to_string(index),
                "below the number of views, " + std::to_string(views));
  }
  return index;
}

// A number that must be there: where a box stands cannot be guessed.
double required_number(const Fields& fields, const char* key) {
  element there;
  if (!fields.find(key, there)) throw_value(fields.name(key), "missing", "a number");
  double value = 0;
  fields.read(key, value);
  return value;
}

// A box beside its image would count as no box.
void check_place(const Box& box, const View& image, const std::string& where) {
  if (stands_on(box, image)) return;
  throw Error(ErrorKind::kBadContent, where + " lies outside of its image, " + image.path +
                                          ", which has " + std::to_string(image.cols) +
                                          " columns and " + std::to_string(image.rows) +
                                          " rows; boxes are in pixels of the original image");
}

// Largest mask that makes sense; sums of run lengths below cannot overflow.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 32;

void check_mask(const Mask& mask, const Fields& fields) {
  const std::string size = std::to_string(mask.rows) + " x " + std::to_string(mask.cols);
  if (mask.rows < 1 || mask.cols < 1 || mask.rows > kMostPixels / mask.cols)
    throw_value(fields.name("rows and .cols"), size, "the size of an image");
  std::int64_t pixels = 0;
  for (const std::int64_t length : mask.rle) {
    pixels += length;
    if (pixels > mask.rows * mask.cols) break;
  }
  if (pixels != mask.rows * mask.cols) {
    throw_value(fields.name("rle"), std::to_string(pixels) + " pixels or more",
                "run lengths of all " + size + " pixels");
  }
}

void check_shape(const Mask& mask, const View& image, const Fields& fields) {
  if (has_shape_of(mask, image)) return;
  throw_value(
      fields.name("rows and .cols"), std::to_string(mask.rows) + " x " + std::to_string(mask.cols),
      "the shape of its image, " + std::to_string(image.rows) + " x " + std::to_string(image.cols));
}

}  // namespace

Box read_box(const element& item, const Place& place, const std::vector<View>& views) {
  const Fields fields(item, place);
  Box box;
  box.view = read_view_index(fields, views.size());
  box.label = fields.required("label");
  box.x = required_number(fields, "x");
  box.y = required_number(fields, "y");
  box.w = required_number(fields, "w");
  box.h = required_number(fields, "h");
  fields.read("reader", box.reader);
  fields.read("phrase", box.phrase);
  if (box.w < 0 || box.h < 0)
    throw_value(place.text(), shown(item), "a box with w and h of at least 0");
  check_place(box, views[static_cast<std::size_t>(box.view)], place.text());
  return box;
}

Mask read_mask(const element& item, const Place& place, const std::vector<View>& views) {
  const Fields fields(item, place);
  Mask mask;
  mask.view = read_view_index(fields, views.size());
  mask.label = fields.required("label");
  fields.read("rows", mask.rows, 0);
  fields.read("cols", mask.cols, 0);
  fields.each("rle", [&](const element& run, std::int64_t i) {
    std::int64_t length = 0;
    const bool whole = run.get(length) == simdjson::SUCCESS && length >= 0;
    if (!whole || length > kMostPixels) {
      throw_value(fields.name("rle") + "[" + std::to_string(i) + "]", shown(run),
                  whole ? "a run length within the mask" : "a run length of at least 0");
    }
    mask.rle.push_back(length);
  });
  check_mask(mask, fields);
  check_shape(mask, views[static_cast<std::size_t>(mask.view)], fields);
  return mask;
}

}  // namespace biplane::json
