// SIIM-ACR Pneumothorax Segmentation, both stages.
#include "biplane/formats/rle.h"
#include "biplane/imaging/dicom_write.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/radiograph_file.h"

namespace biplane {
namespace {

enum Table : std::size_t { kStage1, kStage2 };
constexpr std::int64_t kSide = 1024;       // of every mask in the corpus
constexpr double kSeveralContours = 0.25;  // share of masks that two readers drew in parts

std::string image_id(const Study& study) { return instance_uid(study.study_id, 0); }

void name_views(const StudyPlace& place, const std::string& ending, std::int64_t, Study& study) {
  for (View& view : study.views)
    view.path =
        std::string(place.split == Split::kTest ? "dicom-images-test/" : "dicom-images-train/") +
        text_uid(study.study_id) + "/" + text_uid(study.study_id + "/series") + "/" +
        image_id(study) + ending;
}

std::vector<std::uint8_t> empty_mask() {
  return std::vector<std::uint8_t>(static_cast<std::size_t>(kSide * kSide));
}

// Adds a mask of another size, each pixel of which becomes a block.
void add_enlarged(const Mask& mask, std::vector<std::uint8_t>& out) {
  const std::vector<std::uint8_t> pixels = decode_rle(mask.rle, mask.rows, mask.cols);
  for (std::int64_t y = 0; y < kSide; ++y)
    for (std::int64_t x = 0; x < kSide; ++x)
      if (pixels[static_cast<std::size_t>(y * mask.rows / kSide * mask.cols +
                                          x * mask.cols / kSide)] != 0)
        out[static_cast<std::size_t>(y * kSide + x)] = 1;
}

// The mask, or its left and right part.
std::vector<std::string> contours(const std::vector<std::uint8_t>& mask, NoiseStream& random) {
  const bool several = random.random().bernoulli(kSeveralContours);
  std::vector<std::int64_t> runs = encode_rle(mask, kSide, kSide);
  if (!several || runs.size() < 8) return {relative_rle(runs)};
  const std::size_t middle = runs.size() / 4 * 2;
  std::vector<std::int64_t> right(runs.begin() + static_cast<std::ptrdiff_t>(middle), runs.end());
  runs.resize(middle);
  for (const std::int64_t run : runs) right.front() += run;
  return {relative_rle(runs), relative_rle(right)};
}

LayoutEntry describe(const LayoutStudy& made) {
  std::vector<std::uint8_t> mask = empty_mask();
  bool present = false;
  for (const Mask& own : made.study.masks) {
    if (own.label != "pneumothorax") continue;
    add_enlarged(own, mask);
    present = true;
  }
  NoiseStream noise = made.stream("siim");
  if (noise.misreads(present, finding_prevalence(FindingKind::kPneumothorax))) {
    mask = empty_mask();
    const RegionBox box = noise.spurious_box(kSide, kSide);
    for (std::int64_t y = box.y; y < box.y + box.h && !present; ++y)
      for (std::int64_t x = box.x; x < box.x + box.w; ++x)
        mask[static_cast<std::size_t>(y * kSide + x)] = 1;
  }
  LayoutEntry entry;
  for (const std::string& runs : contours(mask, noise)) {
    const std::string row = image_id(made.study) + "," + runs;
    if (made.study.split != Split::kTest) entry.rows.emplace_back(kStage1, row);
    entry.rows.emplace_back(kStage2, row);
  }
  return entry;
}

}  // namespace

Layout siim_layout() {
  return {.name = "siim",
          .summary = "SIIM-ACR Pneumothorax: DICOM, masks as run lengths on 1024 x 1024",
          .formats = {"dicom"},
          .laterals = false,
          .largest = kSide,
          .styles = {"soft"},
          .bits = 16,
          .monochrome1 = 0.05,
          .noise = {.flip = 0.03},
          .tables = {{"train-rle.csv", "ImageId, EncodedPixels"},
                     {"stage_2_train.csv", "ImageId,EncodedPixels"}},
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane
