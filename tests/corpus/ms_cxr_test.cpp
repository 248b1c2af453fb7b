// MS-CXR: the traps of its table, planted once each.
#include "tests/corpus/corpus_tree.h"
#include "tests/corpus/mimic_rows.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using testing::folder_of;
using testing::image_row;
using testing::kind_of;
using testing::kMimicMetadata;
using testing::reasons_of;
using testing::study_of;

using Reasons = std::map<std::string, std::int64_t>;
using Labels = std::map<std::string, int>;

constexpr const char* kBoxes =
    "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split\n";

std::string box_row(const std::string& image, const std::string& category,
                    const std::string& phrase, const std::string& box,
                    const std::string& split = "test", int study = 1) {
  return image + "," + category + "," + phrase + "," + folder_of(study) + "/" + image + ".jpg," +
         box + ",48,24," + split + "\n";
}

TEST(MsCxr, CountsEachTrapOnce) {
  CorpusTree tree;
  const std::string box = "2,4,8,6";
  tree.file(
      "MS_CXR_Local_Alignment_v1.1.0.csv",
      kBoxes + box_row("a", "Edema", "\"mild \"\"edema\"\"\"", box) +
          box_row("a", "Edema", "other words", box) + box_row("a", "Edema", "other words", box) +
          box_row("b", "Pneumothorax", "apical", "20,4,20,6") +
          box_row("a", "Edemma", "words", box) + box_row("a", "Edema", "", box) +
          box_row("a", "Edema", "words", "2,4,x,6") + box_row("a", "Edema", "words", "2,4,0,6") +
          box_row("a", "Edema", "words", "60,4,8,6") + box_row("a", "Edema", "words", box, "exam") +
          box_row("a", "Edema", "words", box, "train") +
          "a,Edema,words,files/p10/p10000001/s50000001/z.jpg,2,4,8,6,48,24,test\n"
          "a,Edema,words,files/p10/p10000001/s50000001/a.jpg,2,4,8,6,,24,test\n"
          "a,Edema,words,files/p10/p10000001/s50000001/a.jpg,2,4,8,6,50,24,test\n"
          "a,Edema,words,files/p10/p10000002/s50000001/a.jpg,2,4,8,6,48,24,test\n"
          ",Edema,words,,2,4,8,6,48,24,test\na,Edema\n" +
          box_row("c", "Edema", "gone", box, "test") + box_row("d", "Edema", "val", box, "val", 2));
  tree.file("mimic-cxr-2.0.0-metadata.csv", kMimicMetadata +
                                                image_row("b", "10000001", "50000001", "AP") +
                                                image_row("a", "10000001", "50000001", "PA") +
                                                image_row("c", "10000001", "50000001", "AP"));
  tree.image(folder_of(1) + "/a.jpg");
  tree.image(folder_of(1) + "/b.jpg");
  tree.image(folder_of(2) + "/d.jpg");
  const PreparedCorpus made = tree.prepare("ms-cxr");
  const std::string rows = "rows grouped into images: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{rows + "merged: further box of an image", 2},
                     {rows + "repeated row", 1},
                     {rows + "unknown category", 1},
                     {rows + "row without a phrase", 1},
                     {rows + "box that is not four numbers", 1},
                     {rows + "box without an area", 1},
                     {rows + "unknown split", 1},
                     {rows + "split contradicts an earlier row", 1},
                     {rows + "path that is not .../p10000032/s50414267/DICOM_ID.jpg", 1},
                     {rows + "image size that is no number", 1},
                     {rows + "image size contradicts an earlier row", 1},
                     {rows + "names another patient than its study", 1},
                     {rows + "row without an image", 1},
                     {rows + "unreadable row", 1},
                     {"view positions found in the metadata: image not in the metadata", 1},
                     {"images read: missing image", 1},
                     {"boxes inside their image: its image was left out", 1},
                     {"boxes inside their image: box outside its image", 1}}));
  ASSERT_EQ(made.studies.size(), 2u);
  const Study& study = study_of(made, "s50000001");
  EXPECT_EQ(study.patient_id, "p10000001");
  EXPECT_EQ(study.split, Split::kTest);
  EXPECT_EQ(study_of(made, "s50000002").split, Split::kValidate);
  ASSERT_EQ(study.views.size(), 2u);
  EXPECT_EQ(study.views[0].view, ViewPosition::kPA);
  EXPECT_EQ(study.views[1].view, ViewPosition::kAP);
  ASSERT_EQ(study.boxes.size(), 3u);
  EXPECT_EQ(study.boxes[0].phrase, "mild \"edema\"");
  EXPECT_EQ(study.boxes[0].label, "Edema");
  EXPECT_EQ(study.boxes[1].phrase, "other words");
  EXPECT_EQ(study.boxes[2].view, 1);
  // The images are half as wide as the table says.
  EXPECT_EQ(study.boxes[0].x, 1);
  EXPECT_EQ(study.boxes[0].w, 4);
  EXPECT_EQ(study.boxes[0].y, 4);
  EXPECT_EQ(study.labels, (Labels{{"Edema", 1}, {"Pneumothorax", 1}}));
}

TEST(MsCxr, TheTableMayLieElsewhereAndHaveNoSplits) {
  CorpusTree tree;
  tree.image(folder_of(1) + "/a.jpg");
  EXPECT_EQ(kind_of([&] { tree.prepare("ms-cxr"); }, "MS_CXR_Local_Alignment*.csv: does not exist"),
            ErrorKind::kMissingInput);
  tree.file("elsewhere/boxes.csv",
            "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height\n"
            "a,Edema,words,files/p10/p10000001/s50000001/a.jpg,2,4,8,6,24,24\n");
  PrepareOptions options;
  options.root = tree.path();
  options.csv = tree.path() / "elsewhere" / "boxes.csv";
  options.fractions = {0, 1};
  const PreparedCorpus made = prepare_corpus(find_corpus("ms-cxr"), options);
  EXPECT_EQ(made.studies.at(0).split, Split::kTest);
  EXPECT_EQ(made.studies[0].views.at(0).view, ViewPosition::kPA);
}

}  // namespace
}  // namespace biplane
