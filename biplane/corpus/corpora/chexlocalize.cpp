// CheXlocalize: contours of ten findings on the validation and test images of CheXpert.
#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/corpora/chexpert_tables.h"
#include "biplane/corpus/corpora/masks.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/guarded_json.h"
#include "biplane/formats/rle.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;  // of one of its files
constexpr std::array kFindings = {"Enlarged Cardiomediastinum",
                                  "Cardiomegaly",
                                  "Lung Lesion",
                                  "Lung Opacity",
                                  "Edema",
                                  "Atelectasis",
                                  "Pneumothorax",
                                  "Consolidation",
                                  "Pleural Effusion",
                                  "Support Devices"};
constexpr const char* kOldOpacity = "Airspace Opacity";  // its name in early files
constexpr const char* kSize = "img_size";
constexpr const char *kSegmentations = "gt_segmentations_", *kAnnotations = "gt_annotations_";

// Of each split ("val.json") one file: the authors' own masks, else the contours they come from.
std::vector<fs::path> mask_files(const fs::path& root) {
  std::map<std::string, fs::path> files;
  for (const std::string kind : {kSegmentations, kAnnotations})
    for (const std::string folder : {"", "CheXlocalize*/"})
      for (const fs::path& path : files_like(root, folder + kind + "*.json"))
        files.emplace(path.filename().string().substr(kind.size()), path);
  std::vector<fs::path> found;
  for (const auto& [split, path] : files) found.push_back(path);
  return found;
}

// "patient64622_study1_view1_frontal" as the end of a path.
std::string image_of_key(std::string key) {
  for (int i = 0; i < 2; ++i) {
    const std::size_t mark = key.find('_');
    if (mark != std::string::npos) key[mark] = '/';
  }
  return key;
}

// Whole numbers [rows, cols] of a mask; zeros where it is none.
std::pair<std::int64_t, std::int64_t> size_of(const json& value) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_integer() ||
      !value[1].is_number_integer())
    return {0, 0};
  const auto rows = value[0].get<std::int64_t>(), cols = value[1].get<std::int64_t>();
  if (rows < 1 || cols < 1 || rows > kMostMaskPixels || cols > kMostMaskPixels ||
      rows * cols > kMostMaskPixels)
    return {0, 0};
  return {rows, cols};
}

// A mask, or why there is none.
struct MaskResult {
  Mask mask;
  std::string problem;
};

MaskResult mask_of_runs(const json& value) {
  MaskResult result;
  if (!value.is_object() || !value.contains("counts") || !value["counts"].is_string())
    return {{}, "mask without run lengths"};
  std::tie(result.mask.rows, result.mask.cols) = size_of(value.value("size", json()));
  if (result.mask.rows == 0) return {{}, "mask without a size"};
  try {
    result.mask.rle = parse_compressed_rle(value["counts"].get_ref<const std::string&>(),
                                           result.mask.rows, result.mask.cols);
  } catch (const Error&) {
    return {{}, "broken run lengths"};
  }
  return result;
}

// [[[x, y], ...], ...]; nothing where it is something else.
std::optional<std::vector<Polygon>> polygons_of(const json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<Polygon> polygons;
  for (const json& contour : value) {
    if (!contour.is_array()) return std::nullopt;
    Polygon& polygon = polygons.emplace_back();
    for (const json& point : contour) {
      if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_number())
        return std::nullopt;
      polygon.emplace_back(point[0].get<double>(), point[1].get<double>());
    }
  }
  return polygons;
}

MaskResult mask_of_contours(const json& value, const json& size) {
  MaskResult result;
  std::tie(result.mask.rows, result.mask.cols) = size_of(size);
  if (result.mask.rows == 0) return {{}, "mask without a size"};
  const auto polygons = polygons_of(value);
  if (!polygons) return {{}, "contour that is no list of points"};
  result.mask.rle = encode_rle(fill_polygons(*polygons, result.mask.rows, result.mask.cols),
                               result.mask.rows, result.mask.cols);
  return result;
}

class Joiner {
 public:
  Joiner(std::vector<Study>& studies, FunnelStage& stage) : stage_(stage) {
    for (Study& study : studies)
      for (std::size_t v = 0; v < study.views.size(); ++v)
        if (const auto path = parse_chexpert_path(study.views[v].path))
          images_[path->image] = {&study, static_cast<std::int64_t>(v)};
  }

  void read(const fs::path& file) {
    const std::string name = file.filename().string();
    const json document =
        parse_guarded_json(read_file(file, kMostBytes), name, [&](const std::string& cause) {
          throw Error(ErrorKind::kBadContent, file.string() + ": " + cause);
        });
    if (!document.is_object())
      throw Error(ErrorKind::kBadContent, file.string() + ": is no object of images");
    const bool contours = name.starts_with(kAnnotations);
    for (const auto& [key, findings] : document.items()) {
      const std::string example = name + ": " + key;
      if (!findings.is_object()) {
        stage_.reject("image without findings", example);
        continue;
      }
      const json size = findings.value(kSize, json());
      for (const auto& [finding, value] : findings.items()) {
        if (finding == kSize) continue;
        add(key, finding, contours ? mask_of_contours(value, size) : mask_of_runs(value),
            example + ", " + finding);
      }
    }
  }

 private:
  struct Place {
    Study* study = nullptr;
    std::int64_t view = 0;
  };

  void add(const std::string& key, const std::string& finding, MaskResult result,
           const std::string& example) {
    const std::string label = finding == kOldOpacity ? "Lung Opacity" : finding;
    if (std::find(kFindings.begin(), kFindings.end(), label) == kFindings.end())
      return stage_.reject("unknown finding", example);
    if (!result.problem.empty()) return stage_.reject(result.problem, example);
    Mask& mask = result.mask;
    if (rle_area(mask.rle, mask.rows, mask.cols) == 0)
      return stage_.drop("empty mask: the finding is not there", example);
    const auto image = images_.find(image_of_key(key));
    if (image == images_.end()) return stage_.drop("mask of an image without a row", example);
    mask.view = image->second.view;
    mask.label = label;
    image->second.study->masks.push_back(std::move(mask));
    stage_.pass();
  }

  FunnelStage& stage_;
  std::unordered_map<std::string, Place> images_;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  if (!find_chexpert_table(options.root, Split::kValidate) &&
      !find_chexpert_table(options.root, Split::kTest))
    throw Error(ErrorKind::kUsage, options.root.string() +
                                       ": has masks, but no valid.csv, val_labels.csv or "
                                       "test_labels.csv of CheXpert, here or in CheXpert*/");
  std::vector<Study> studies = read_chexpert(options, funnel, {Split::kValidate, Split::kTest});
  Joiner joiner(studies, funnel.stage("masks joined to images", "masks"));
  for (const fs::path& file : mask_files(options.root)) joiner.read(file);
  return studies;
}

}  // namespace

Corpus chexlocalize_corpus() {
  return {
      .name = "chexlocalize",
      .summary = "CheXlocalize: masks of ten findings on CheXpert's validation and test images",
      .tree =
          "gt_segmentations_val.json, gt_segmentations_test.json  here or in CheXlocalize*/; "
          "without them\n"
          "gt_annotations_val.json, gt_annotations_test.json      contours, which are filled\n"
          "valid.csv or val_labels.csv, test_labels.csv           of CheXpert; here or in "
          "CheXpert*/\n"
          "valid/patient64541/study1/view1_frontal.jpg, or in any other folders\n",
      .needs = {{"gt_segmentations_*.json", "gt_annotations_*.json",
                 "CheXlocalize*/gt_segmentations_*.json", "CheXlocalize*/gt_annotations_*.json"}},
      .read = &read,
      .complete = &fit_masks,
      .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
