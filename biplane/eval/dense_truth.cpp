#include "biplane/eval/dense_truth.h"

#include <algorithm>
#include <optional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/corpus/selection.h"
#include "biplane/eval/truth_mask.h"
#include "biplane/formats/rle.h"

namespace biplane {
namespace {

bool is_marked(const Study& study, const std::string& name) {
  const auto marks = [&](const auto& one) { return one.label == name; };
  return std::any_of(study.masks.begin(), study.masks.end(), marks) ||
         std::any_of(study.boxes.begin(), study.boxes.end(), marks);
}

// The smallest box around a mask, in its own pixels; nothing for an empty one.
std::optional<DetectionBox> box_around(const Mask& mask) {
  const std::vector<std::uint8_t> pixels = decode_rle(mask.rle, mask.rows, mask.cols);
  std::int64_t left = mask.cols, top = mask.rows, right = -1, bottom = -1;
  for (std::int64_t i = 0; i < std::ssize(pixels); ++i) {
    if (pixels[static_cast<std::size_t>(i)] == 0) continue;
    left = std::min(left, i % mask.cols);
    right = std::max(right, i % mask.cols);
    top = std::min(top, i / mask.cols);
    bottom = std::max(bottom, i / mask.cols);
  }
  if (right < 0) return std::nullopt;
  return DetectionBox{double(left), double(top), double(right - left + 1),
                      double(bottom - top + 1)};
}

// A box of an image of that size as the model sees it; nothing where it lies outside.
std::optional<DetectionBox> in_input(const DetectionBox& box, std::int64_t rows, std::int64_t cols,
                                     const PreprocessOptions& options) {
  const int height = static_cast<int>(rows), width = static_cast<int>(cols);
  const InputMapping mapping =
      input_mapping(height, width, options, centre_crop(height, width, options));
  const auto side = static_cast<double>(options.crop);
  const double x0 = std::clamp(mapping.to_input_x(box.x), 0.0, side),
               x1 = std::clamp(mapping.to_input_x(box.x + box.w), 0.0, side),
               y0 = std::clamp(mapping.to_input_y(box.y), 0.0, side),
               y1 = std::clamp(mapping.to_input_y(box.y + box.h), 0.0, side);
  if (x1 <= x0 || y1 <= y0) return std::nullopt;
  return DetectionBox{x0, y0, x1 - x0, y1 - y0};
}

// Throws where the boxes of a finding do not tell one truth.
void check_boxes(const Study& study, std::int64_t view, const std::string& name) {
  const View& image = study.views[static_cast<std::size_t>(view)];
  std::set<std::string> readers;
  for (const Box& box : study.boxes) {
    if (box.view != view || box.label != name) continue;
    readers.insert(box.reader);
    if (image.rows < 1 || image.cols < 1) {
      throw Error(ErrorKind::kBadContent,
                  "study " + study.study_id + ": " + image.path +
                      " has boxes, but the manifest does not say its rows and cols; prepare it "
                      "with --images header or full");
    }
  }
  if (readers.size() > 1) {
    throw Error(ErrorKind::kUsage,
                "study " + study.study_id + ": the boxes of " + name + " are of several readers (" +
                    *readers.begin() + ", " + *readers.rbegin() +
                    "), so the same place is there several times; keep one reader's");
  }
}

void add_boxes(const Study& study, std::int64_t view, const std::string& name,
               const PreprocessOptions& options, std::vector<DetectionBox>& boxes) {
  const auto add = [&](const DetectionBox& box, std::int64_t rows, std::int64_t cols) {
    if (const auto own = in_input(box, rows, cols, options)) boxes.push_back(*own);
  };
  check_boxes(study, view, name);
  const View& image = study.views[static_cast<std::size_t>(view)];
  bool boxed = false;
  for (const Box& box : study.boxes) {
    if (box.view != view || box.label != name) continue;
    boxed = true;
    add({box.x, box.y, box.w, box.h}, image.rows, image.cols);
  }
  for (const Mask& mask : study.masks) {
    if (boxed || mask.view != view || mask.label != name) continue;
    if (const auto around = box_around(mask)) add(*around, mask.rows, mask.cols);
  }
}

}  // namespace

PreprocessOptions whole_image(const PreprocessOptions& model, std::int64_t side) {
  return {.fit = model.fit, .size = side, .crop = side};
}

bool places_known(const Study& study, const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto label = study.labels.find(name);
    const bool absent = label != study.labels.end() && label->second == 0;
    return absent || is_marked(study, name) || study.visible_in.contains(name);
  });
}

std::vector<std::int64_t> with_known_places(const Manifest& manifest,
                                            const std::vector<std::int64_t>& studies,
                                            const std::vector<std::string>& names, bool lateral) {
  std::vector<std::int64_t> known;
  for (const std::int64_t index : studies) {
    const StudySummary& study = manifest.summary(index);
    if ((lateral ? study.has_lateral : study.has_frontal) &&
        places_known(manifest.study(index), names))
      known.push_back(index);
  }
  return known;
}

std::vector<std::string> marked_names(const Manifest& manifest,
                                      const std::vector<std::int64_t>& studies, bool lateral) {
  std::set<std::string> names;
  for (const std::int64_t index : studies) {
    const Study study = manifest.study(index);
    if (const auto view = first_view(study, lateral)) {
      for (std::string& name : marked_findings(study, *view)) names.insert(std::move(name));
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::vector<std::int64_t>> finding_masks(const Study& study, bool lateral,
                                                     const std::vector<std::string>& names,
                                                     const PreprocessOptions& options) {
  const std::optional<std::int64_t> view = first_view(study, lateral);
  std::vector<std::vector<std::int64_t>> masks;
  for (const std::string& name : names) {
    if (!view) {
      masks.push_back({options.crop * options.crop});
      continue;
    }
    masks.push_back(
        encode_rle(truth_mask(study, *view, name, options), options.crop, options.crop));
  }
  return masks;
}

std::vector<FindingBox> finding_boxes(const Study& study, bool lateral,
                                      const std::vector<std::string>& names,
                                      const PreprocessOptions& options) {
  std::vector<FindingBox> all;
  const std::optional<std::int64_t> view = first_view(study, lateral);
  for (std::size_t finding = 0; view && finding < names.size(); ++finding) {
    std::vector<DetectionBox> boxes;
    add_boxes(study, *view, names[finding], options, boxes);
    for (const DetectionBox& box : boxes) all.push_back({static_cast<std::int64_t>(finding), box});
  }
  return all;
}

}  // namespace biplane
