#include "biplane/eval/truth_mask.h"

#include <set>

#include "biplane/formats/rle.h"

namespace biplane {
namespace {

// The pixels of `inside` (rows, cols of the original image) as the model sees them, added to
// `target`.
template <class Inside>
void add_region(const Inside& inside, std::int64_t rows, std::int64_t cols,
                const PreprocessOptions& options, std::vector<std::uint8_t>& target) {
  const int height = static_cast<int>(rows), width = static_cast<int>(cols);
  const InputMapping mapping =
      input_mapping(height, width, options, centre_crop(height, width, options));
  for (std::int64_t y = 0; y < options.crop; ++y) {
    const double source_y = mapping.to_original_y(static_cast<double>(y) + 0.5);
    if (source_y < 0 || source_y >= static_cast<double>(rows)) continue;
    for (std::int64_t x = 0; x < options.crop; ++x) {
      const double source_x = mapping.to_original_x(static_cast<double>(x) + 0.5);
      if (source_x < 0 || source_x >= static_cast<double>(cols)) continue;
      if (inside(source_y, source_x)) target[static_cast<std::size_t>(y * options.crop + x)] = 1;
    }
  }
}

// The boxes of a mark; without a phrase all of the finding.
void add_boxes(const Study& study, std::int64_t view, const Mark& mark,
               const PreprocessOptions& options, std::vector<std::uint8_t>& target) {
  const View& image = study.views.at(static_cast<std::size_t>(view));
  if (image.rows < 1 || image.cols < 1) return;
  for (const Box& box : study.boxes) {
    if (box.view != view || box.label != mark.finding) continue;
    if (!mark.phrase.empty() && box.phrase != mark.phrase) continue;
    add_region(
        [&](double y, double x) {
          return x >= box.x && x < box.x + box.w && y >= box.y && y < box.y + box.h;
        },
        image.rows, image.cols, options, target);
  }
}

}  // namespace

std::vector<std::uint8_t> truth_mask(const Study& study, std::int64_t view,
                                     const std::string& finding, const PreprocessOptions& options) {
  return mark_mask(study, view, {finding}, options);
}

std::vector<std::string> marked_findings(const Study& study, std::int64_t view) {
  std::set<std::string> marked;
  for (const Mark& mark : marks_of(study, view)) marked.insert(mark.finding);
  return {marked.begin(), marked.end()};
}

std::vector<Mark> marks_of(const Study& study, std::int64_t view) {
  std::set<Mark> marks;
  for (const Mask& mask : study.masks) {
    if (mask.view == view) marks.insert({mask.label});
  }
  for (const Box& box : study.boxes) {
    if (box.view == view) marks.insert({box.label, box.phrase});
  }
  return {marks.begin(), marks.end()};
}

std::vector<std::uint8_t> mark_mask(const Study& study, std::int64_t view, const Mark& mark,
                                    const PreprocessOptions& options) {
  std::vector<std::uint8_t> truth(static_cast<std::size_t>(options.crop * options.crop), 0);
  bool masked = false;
  for (const Mask& mask : study.masks) {
    if (mask.view != view || mask.label != mark.finding || !mark.phrase.empty()) continue;
    masked = true;
    const std::vector<std::uint8_t> pixels = decode_rle(mask.rle, mask.rows, mask.cols);
    add_region(
        [&](double y, double x) {
          return pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(mask.cols) +
                        static_cast<std::size_t>(x)] != 0;
        },
        mask.rows, mask.cols, options, truth);
  }
  if (!masked) add_boxes(study, view, mark, options, truth);
  return truth;
}

}  // namespace biplane
