// Figures of segmentation and detection heads from what they keep of studies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/eval/dense_truth.h"
#include "biplane/eval/detection_predictions.h"
#include "biplane/eval/segmentation_predictions.h"
#include "biplane/formats/rle.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using biplane::testing::TemporaryFolder;

const ResultRow& row_of(const std::vector<ResultRow>& rows, const std::string& metric,
                        const std::string& label) {
  for (const ResultRow& row : rows)
    if (row.metric == metric && row.label == label) return row;
  throw std::runtime_error("no row " + metric + " of " + label);
}

// Three images of 100 pixels: half right, falsely alarmed, rightly empty.
SegmentationPredictions three_masks() {
  SegmentationPredictions predictions;
  predictions.views = "frontal";
  predictions.classes = {"effusion"};
  predictions.pixels = 100;
  predictions.exclusive = true;
  predictions.batch = 2;
  predictions.studies = {{"a", "p", false, {{10, 20, 10}}},
                         {"b", "q", false, {{5, 0, 0}}},
                         {"c", "r", false, {{0, 0, 0}}}};
  return predictions;
}

TEST(SegmentationRows, AreMeansOverImages) {
  const auto rows = segmentation_rows(three_masks(), {.repeats = 50}, 1);
  const double dice = 2.0 * 10 / 30;
  EXPECT_NEAR(*row_of(rows, "dice_positives", "effusion").value, dice, 1e-12);
  EXPECT_EQ(row_of(rows, "dice_positives", "effusion").n, 1);
  EXPECT_NEAR(*row_of(rows, "iou", "effusion").value, 0.5, 1e-12);
  EXPECT_NEAR(*row_of(rows, "dice_with_empty_rule", "effusion").value, (dice + 0 + 1) / 3, 1e-12);
  EXPECT_NEAR(*row_of(rows, "dice_with_empty_rule_by_batch", "effusion").value,
              ((dice + 0) / 2 + 1) / 2, 1e-12);
  const double lesion = 2.0 * 10 / (15 + 20), rest = 2.0 * 275 / (285 + 280);
  EXPECT_NEAR(*row_of(rows, "mean_dice", "effusion").value, (lesion + rest) / 2, 1e-12);
  EXPECT_EQ(row_of(rows, "dice_positives", "macro").population, "all");
}

TEST(SegmentationRows, WithoutAPositiveImageDiceIsUndefinedAndSaidSo) {
  SegmentationPredictions predictions = three_masks();
  predictions.studies.erase(predictions.studies.begin());
  const auto rows = segmentation_rows(predictions, {.repeats = 10}, 1);
  EXPECT_FALSE(row_of(rows, "dice_positives", "effusion").value);
  EXPECT_EQ(row_of(rows, "dice_positives", "effusion").note, "no image shows it");
  EXPECT_NEAR(*row_of(rows, "dice_with_empty_rule", "effusion").value, 0.5, 1e-12);
}

TEST(SegmentationRows, ComeBackFromTheFile) {
  const TemporaryFolder folder;
  write_segmentation(folder / "p.jsonl", three_masks());
  const SegmentationPredictions back = read_segmentation(folder / "p.jsonl");
  ASSERT_EQ(back.studies.size(), 3U);
  EXPECT_EQ(back.studies[0].counts[0].both, 10);
  EXPECT_TRUE(back.exclusive);
  write_file_atomically(folder / "bad.jsonl", read_file(folder / "p.jsonl") + "{}\n");
  EXPECT_THROW(read_segmentation(folder / "bad.jsonl"), Error);
}

// Two of three images have a box at the same place; the first has none, so that the equal scores of
// a constant predictor, which stand in the order of the images, begin with a wrong one.
DetectionPredictions three_images() {
  DetectionPredictions predictions;
  predictions.views = "frontal";
  predictions.classes = {"mass"};
  const FindingBox box{0, {10, 10, 20, 20}}, far{0, {50, 50, 10, 10}};
  predictions.studies = {{"c", "r", false, {}, {{far, 0.9}}},
                         {"a", "p", false, {box}, {{box, 0.5}}},
                         {"b", "q", false, {box}, {}}};
  return predictions;
}

TEST(DetectionRows, CountAllImagesAndTheOnesThatSomePublishedFiguresCount) {
  const auto rows = detection_rows(three_images(), {.repeats = 20}, 1);
  // Recall 0.5 at precision 0.5: 51 of 101 recall points.
  EXPECT_NEAR(*row_of(rows, "map", "mass").value, 51 * 0.5 / 101, 1e-6);
  EXPECT_NEAR(*row_of(rows, "map_published", "mass").value, 1.0, 1e-6);
  // The same box in every image: 2 of 3 right.
  EXPECT_NEAR(*row_of(rows, "map_constant_box", "mass").value, 2.0 / 3, 1e-6);
  EXPECT_NEAR(*detection_map(three_images()), 51 * 0.5 / 101, 1e-6);
}

TEST(DetectionRows, EachFindingAndBothPopulationsHaveTheirOwnOfEveryFigure) {
  // mass: found in b alone, not predicted in a. nodule: predicted where it is, and where it is not.
  DetectionPredictions predictions;
  predictions.views = "frontal";
  predictions.classes = {"mass", "nodule"};
  const FindingBox mass{0, {10, 10, 20, 20}}, nodule{1, {50, 50, 10, 10}};
  predictions.studies = {{"a", "p", true, {mass, nodule}, {{nodule, 0.5}}},
                         {"b", "q", true, {mass}, {{mass, 0.5}, {nodule, 0.9}}},
                         {"c", "r", false, {nodule}, {{nodule, 0.7}}}};
  const auto rows = detection_rows(predictions, {.repeats = 20}, 1);
  const auto value = [&](const std::string& metric, const std::string& label,
                         const std::string& population) {
    for (const ResultRow& row : rows)
      if (row.metric == metric && row.label == label && row.population == population)
        return row.value.value();
    throw std::runtime_error("no row " + metric + " of " + label);
  };
  for (const char* population : {"", "all"}) {
    EXPECT_NEAR(value("map", "mass", population), 51.0 / 101, 1e-6);
    EXPECT_NEAR(value("map_published", "mass", population), 1, 1e-6) << "a has no prediction of it";
    EXPECT_NEAR(value("map_published", "nodule", population), 1, 1e-6) << "b has none to find";
    EXPECT_NEAR(value("map_published", "macro", population), 1, 1e-6);
  }
  EXPECT_NEAR(value("map", "nodule", ""), 0.5, 1e-6);
  // Wrong, right, right: the highest precision from either recall on is 2/3.
  EXPECT_NEAR(value("map", "nodule", "all"), 2.0 / 3, 1e-6);
  EXPECT_NEAR(value("map", "macro", "all"), (51.0 / 101 + 2.0 / 3) / 2, 1e-6);
}

TEST(DetectionRows, AConstantPredictorMayHaveSeveralBoxes) {
  DetectionPredictions predictions = three_images();
  const FindingBox other{0, {60, 10, 20, 20}};
  const FindingBox one = predictions.studies[1].truth[0];
  for (DetectedStudy& study : predictions.studies) study.truth = {one, other};
  const auto boxes = constant_boxes(predictions, 0);
  ASSERT_EQ(boxes.size(), 2U);
  EXPECT_GT(boxes[0].score, boxes[1].score);
}

TEST(DetectionRows, ComeBackFromTheFile) {
  const TemporaryFolder folder;
  write_detection(folder / "p.jsonl", three_images());
  const DetectionPredictions back = read_detection(folder / "p.jsonl");
  ASSERT_EQ(back.studies.size(), 3U);
  EXPECT_EQ(back.studies[0].predictions[0].score, 0.9);
  EXPECT_EQ(back.studies[1].truth[0].box.w, 20);
  EXPECT_TRUE(back.studies[2].predictions.empty());
}

// ---- Truth ----

Study marked_study() {
  Study study;
  study.study_id = "s";
  study.views = {{"f.png", ViewPosition::kPA, "", 50, 100, ""},
                 {"l.png", ViewPosition::kLateral, "", 64, 64, ""}};
  std::vector<std::uint8_t> mask(50 * 100, 0);
  for (int y = 10; y < 20; ++y)
    for (int x = 40; x < 60; ++x) mask[std::size_t(y * 100 + x)] = 1;
  study.masks = {{0, "mass", encode_rle(mask, 50, 100), 50, 100}};
  study.boxes = {{0, "nodule", 90, 40, 20, 20, ""}};
  study.labels = {{"mass", 1}, {"nodule", 1}, {"fracture", 1}, {"edema", 0}};
  return study;
}

TEST(DenseTruth, IsWhereTheWholeImageShowsIt) {
  const PreprocessOptions image = whole_image({}, 50);  // half as large, 12 rows above and below
  const auto boxes = finding_boxes(marked_study(), false, {"mass", "nodule"}, image);
  ASSERT_EQ(boxes.size(), 2U);
  EXPECT_EQ(boxes[0].finding, 0) << "the box around a mask";
  EXPECT_NEAR(boxes[0].box.x, 20, 1e-9);
  EXPECT_NEAR(boxes[0].box.y, 12 + 5, 0.6);
  EXPECT_NEAR(boxes[0].box.w, 10, 1e-9);
  EXPECT_NEAR(boxes[1].box.w, 5, 1e-9) << "cut off at the side of the image";
  EXPECT_TRUE(finding_boxes(marked_study(), true, {"mass"}, image).empty());
  Study two = marked_study();
  two.boxes.push_back({0, "nodule", 80, 30, 20, 20, "R2"});
  EXPECT_THROW(finding_boxes(two, false, {"nodule"}, image), Error) << "of two readers";
  Study unknown = marked_study();
  unknown.views[0].rows = 0;
  EXPECT_THROW(finding_boxes(unknown, false, {"nodule"}, image), Error) << "of unknown size";
  const auto masks = finding_masks(marked_study(), false, {"mass", "edema"}, image);
  EXPECT_NEAR(static_cast<double>(rle_area(masks[0], 50, 50)), 50, 1e-9);
  EXPECT_EQ(rle_area(masks[1], 50, 50), 0);
  const std::vector<std::uint8_t> inside = decode_rle(masks[0], 50, 50);
  for (std::size_t x = 0; x < 50; ++x)
    EXPECT_EQ(inside[19 * 50 + x], x >= 20 && x < 30) << "column " << x;
}

TEST(DenseTruth, AFindingThatIsThereWithoutAMarkIsNotKnown) {
  Study study = marked_study();
  EXPECT_TRUE(places_known(study, {"mass", "edema"}));
  EXPECT_FALSE(places_known(study, {"mass", "fracture"}));
  EXPECT_FALSE(places_known(study, {"hernia"})) << "no label";
  study.labels["edema"] = -1;
  EXPECT_FALSE(places_known(study, {"edema"})) << "uncertain";
  study.visible_in["fracture"] = {};
  EXPECT_TRUE(places_known(study, {"fracture"})) << "it is known that no view shows it";
}

}  // namespace
}  // namespace biplane
