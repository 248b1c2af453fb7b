#include <algorithm>

#include "biplane/corpus/corpora/masks.h"
#include "biplane/formats/rle.h"
#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using testing::reasons_of;
using testing::study_of;
using Reasons = std::map<std::string, std::int64_t>;

constexpr const char* kTable =
    "Path,Cardiomegaly,Lung Opacity\n"
    "test/patient64741/study1/view1_frontal.jpg,1,0\n"
    "test/patient64741/study1/view2_lateral.jpg,1,0\n"
    "test/patient64742/study1/view1_frontal.jpg,0,0\n";

// Three images of two studies, and one file of masks.
struct MaskTree : CorpusTree {
  MaskTree(const std::string& name, const std::string& json) {
    file("CheXpert/test_labels.csv", kTable);
    file("CheXlocalize/" + name, json);
    for (const char* one :
         {"64741/study1/view1_frontal", "64741/study1/view2_lateral", "64742/study1/view1_frontal"})
      image("CheXpert/test/patient" + std::string(one) + ".jpg");
  }
};

// Two masks of pycocotools, of 5 x 7 and of 3 x 4 pixels.
TEST(Chexlocalize, MasksLieOnTheViewsThatTheyName) {
  const MaskTree tree("gt_segmentations_test.json",
                      R"({"patient64741_study1_view2_lateral": {
            "Airspace Opacity": {"size": [5, 7], "counts": ";230004OM"},
            "Edema": {"size": [2320, 2828], "counts": "PVWX6"},
            "Oedema": {"size": [3, 4], "counts": "0<"},
            "Cardiomegaly": {"size": [3, 4], "counts": "0="},
            "Atelectasis": {"size": [0, 4], "counts": "0<"},
            "Pneumothorax": 3},
          "patient64741_study1_view1_frontal": {"Cardiomegaly": {"size": [3, 4], "counts": "0<"}},
          "patient99999_study1_view1_frontal": {"Cardiomegaly": {"size": [3, 4], "counts": "0<"}},
          "patient64742_study1_view1_frontal": []})");
  const PreparedCorpus read = tree.read("chexlocalize");
  const std::string masks = "masks joined to images: ";
  EXPECT_EQ(reasons_of(read.funnel),
            (Reasons{{masks + "empty mask: the finding is not there", 1},
                     {masks + "unknown finding", 1},
                     {masks + "broken run lengths", 1},
                     {masks + "mask without a size", 1},
                     {masks + "mask without run lengths", 1},
                     {masks + "mask of an image without a row", 1},
                     {masks + "image without findings", 1},
                     {"rows grouped into studies: merged: further image of a study", 1}}));
  const Study& study = study_of(read, "patient64741/study1");
  ASSERT_EQ(study.masks.size(), 2u);
  EXPECT_EQ(study.masks[0].view, 0);
  EXPECT_EQ(study.masks[0].rle, (std::vector<std::int64_t>{0, 12}));
  EXPECT_EQ(study.masks[1].view, 1);
  EXPECT_EQ(study.masks[1].label, "Lung Opacity");
  EXPECT_EQ(study.masks[1].rle, (std::vector<std::int64_t>{11, 2, 3, 2, 3, 2, 7, 1, 4}));
  EXPECT_EQ(study.split, Split::kTest);
  const PreparedCorpus made = tree.prepare("chexlocalize");
  EXPECT_EQ(study_of(made, "patient64741/study1").masks[1].rows, 24);  // in pixels of the image
  EXPECT_TRUE(study_of(made, "patient64742/study1").masks.empty());
}

TEST(Chexlocalize, AMaskGoesWithItsImage) {
  const MaskTree tree(
      "gt_segmentations_test.json",
      R"({"patient64741_study1_view2_lateral": {"Edema": {"size": [3, 4], "counts": "0<"}},
          "patient64741_study1_view1_frontal": {"Cardiomegaly": {"size": [3, 4], "counts": "0<"}}})");
  std::filesystem::remove(tree.path() / "CheXpert/test/patient64741/study1/view1_frontal.jpg");
  const PreparedCorpus made = tree.prepare("chexlocalize");
  const Study& study = study_of(made, "patient64741/study1");
  ASSERT_EQ(study.masks.size(), 1u);
  EXPECT_EQ(study.masks[0].label, "Edema");
  EXPECT_EQ(study.masks[0].view, 0);
}

TEST(Chexlocalize, ContoursAreFilledWhereThereAreNoMasks) {
  MaskTree tree("gt_annotations_test.json",
                R"({"patient64741_study1_view1_frontal": {"img_size": [10, 12],
            "Cardiomegaly": [[[2, 1], [8, 1], [8, 6], [2, 6]], [[6, 4], [10, 4], [10, 8], [6, 8]]],
            "Edema": [[1, 2]]},
          "patient64741_study1_view2_lateral": {"Edema": [[[1, 1], [3, 1], [3, 3]]]}})");
  const PreparedCorpus read = tree.read("chexlocalize");
  const std::string masks = "masks joined to images: ";
  EXPECT_EQ(reasons_of(read.funnel),
            (Reasons{{masks + "contour that is no list of points", 1},
                     {masks + "mask without a size", 1},
                     {"rows grouped into studies: merged: further image of a study", 1}}));
  ASSERT_EQ(study_of(read, "patient64741/study1").masks.size(), 1u);
  // As many as Pillow's ImageDraw.polygon fills with its outline, of which the authors' masks are.
  EXPECT_EQ(rle_area(study_of(read, "patient64741/study1").masks[0].rle, 10, 12), 58);
  tree.file(
      "CheXlocalize/gt_segmentations_test.json",
      R"({"patient64741_study1_view1_frontal": {"Edema": {"size": [3, 4], "counts": "0<"}}})");
  const PreparedCorpus again = tree.read("chexlocalize");
  ASSERT_EQ(study_of(again, "patient64741/study1").masks.size(), 1u);
  EXPECT_EQ(study_of(again, "patient64741/study1").masks[0].label, "Edema");
}

TEST(Chexlocalize, DamagedJsonAndMissingTablesAreNamed) {
  EXPECT_THROW(MaskTree("gt_annotations_val.json", "{").read("chexlocalize"), Error);
  EXPECT_THROW(MaskTree("gt_annotations_val.json", "[]").read("chexlocalize"), Error);
  CorpusTree alone;
  alone.file("gt_annotations_val.json", "{}");
  EXPECT_THROW(alone.read("chexlocalize"), Error);
}

TEST(Polygons, ClippedHollowAndDegenerateOnesAreFilledByEvenOdd) {
  const auto area = [](const std::vector<Polygon>& polygons) {
    const std::vector<std::uint8_t> pixels = fill_polygons(polygons, 8, 8);
    return std::count(pixels.begin(), pixels.end(), 1);
  };
  EXPECT_EQ(area({}), 0);
  EXPECT_EQ(area({{{1, 1}}}), 0);
  EXPECT_EQ(area({{{-50, -50}, {50, -50}, {50, 50}, {-50, 50}}}), 64);
  EXPECT_EQ(area({{{20, 20}, {30, 20}, {30, 30}}}), 0);
  EXPECT_EQ(area({{{1, 1}, {3, 1}, {3, 3}, {1, 3}}}), 9);
  // Twice around is outside again, and two polygons are a union.
  EXPECT_EQ(area({{{0.5, 0.5},
                   {3.5, 0.5},
                   {3.5, 3.5},
                   {0.5, 3.5},
                   {0.5, 0.5},
                   {3.5, 0.5},
                   {3.5, 3.5},
                   {0.5, 3.5}}}),
            0);
  EXPECT_EQ(area({{{1, 1}, {3, 1}, {3, 3}, {1, 3}}, {{2, 2}, {4, 2}, {4, 4}, {2, 4}}}), 14);
}

}  // namespace
}  // namespace biplane
