// Every trap of a corpus's tables, planted once: its reason stands in the funnel, and nothing else.
#include <array>
#include <map>

#include "biplane/corpus/manifest.h"
#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using testing::items_in;
using testing::reasons_of;
using testing::study_of;

using Reasons = std::map<std::string, std::int64_t>;
using Labels = std::map<std::string, int>;

void expect_box(const Box& box, const std::string& label, const std::array<double, 4>& place) {
  EXPECT_EQ(box.label, label);
  EXPECT_EQ((std::array<double, 4>{box.x, box.y, box.w, box.h}), place);
}

TEST(CorporaTraps, RsnaKnowsThePatientsOfNih) {
  CorpusTree tree;
  std::string rows = "patientId,x,y,width,height,Target\n", mapping;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "u" + std::to_string(i);
    rows += name + ",,,,,0\n";
    tree.image("stage_2_train_images/" + name + ".dcm");
    if (i == 7) continue;
    mapping += (i == 0 ? "[" : ",") + std::string(R"({"subset_img_id": ")") + name +
               R"(", "img_id": "0000010)" + std::to_string(i % 4) +
               R"(_003.png", "orig_labels": []})";
  }
  tree.file("stage_2_train_labels.csv", rows);
  tree.file("pneumonia-challenge-dataset-mappings_2018.json", mapping + "]");
  const PreparedCorpus made = tree.prepare("rsna", {.validate = 0.25, .test = 0.25});
  EXPECT_TRUE(reasons_of(made.funnel).empty());
  ASSERT_EQ(made.funnel.stages().front().notes().size(), 1u);
  EXPECT_EQ(made.funnel.stages().front().notes()[0].examples.at(0),
            "stage_2_train_labels.csv row 8: u7");
  ASSERT_EQ(made.studies.size(), 40u);
  std::map<std::string, Split> drawn;
  for (const Study& study : made.studies) {
    if (study.study_id == "u7") {
      EXPECT_TRUE(study.patient_in.empty());
      continue;
    }
    const std::string person = "10" + std::to_string(std::stoi(study.study_id.substr(1)) % 4);
    EXPECT_EQ(study.patient_in, (std::map<std::string, std::string>{{"nih", person}}));
    EXPECT_EQ(drawn.try_emplace(person, study.split).first->second, study.split) << person;
    EXPECT_EQ(study_from_json(study_to_json(study)).patient_in, study.patient_in);
  }
  tree.file("pneumonia-challenge-dataset-mappings_2018.json", R"([{"subset_img_id": "u0"}])");
  EXPECT_THROW(tree.prepare("rsna"), Error);
}

TEST(CorporaTraps, RsnaCountsEachOnce) {
  CorpusTree tree;
  tree.file("stage_2_train_labels.csv",
            "patientId,x,y,width,height,Target\n"
            "a,1.0,2.0,5.0,6.0,1\na,3,3,4,4,1\na,3,3,4,4,1\n"
            "b,,,,,0\nb,1,1,2,2,1\nb,1,1,2,2,0\n"
            "c,,,,,2\nc,1,x,2,2,1\nc,1,1,0,2,1\n,,,,,0\nc,1,2\n"
            "d,,,,,0\ne,20,20,100,100,1\nf,30,30,4,4,1\ng,,,,,0\n");
  tree.file("stage_2_detailed_class_info.csv",
            "patientId,class\na,Lung Opacity\na,Lung Opacity\nb,Lung Opacity\nb,Normall\nb,Normal\n"
            "b,No Lung Opacity / Not Normal\nzz,Normal\n");
  for (const char* name : {"a", "b", "e", "f", "unlisted"})
    tree.image(std::string("stage_2_train_images/") + name + ".dcm");
  tree.file("stage_2_train_images/g.dcm", "no image");
  const PreparedCorpus made = tree.prepare("rsna");
  const std::string rows = "rows grouped into images: ", classes = "classes joined to images: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{rows + "merged: further box of an image", 1},
                     {rows + "repeated row", 1},
                     {rows + "Target contradicts an earlier row", 1},
                     {rows + "box with Target 0", 1},
                     {rows + "Target is neither 0 nor 1", 1},
                     {rows + "box that is not four numbers", 1},
                     {rows + "box without an area", 1},
                     {rows + "row without an image", 1},
                     {rows + "unreadable row", 1},
                     {classes + "repeated row", 1},
                     {classes + "class contradicts Target", 1},
                     {classes + "unknown class", 1},
                     {classes + "class contradicts an earlier row", 1},
                     {classes + "class of an image without labels", 1},
                     {"image files: no row names it", 1},
                     {"images read: missing image", 1},
                     {"images read: broken image", 1},
                     {"studies complete: no image left", 2},
                     {"boxes inside their image: box outside its image", 1}}));
  EXPECT_EQ(items_in(made.funnel, "rows grouped into images"), 15);
  EXPECT_EQ(items_in(made.funnel, "classes joined to images"), 7);
  ASSERT_EQ(made.studies.size(), 4u);
  const Study& a = study_of(made, "a");
  ASSERT_EQ(a.boxes.size(), 2u);
  expect_box(a.boxes[0], "Lung Opacity", {1, 2, 5, 6});
  EXPECT_EQ(a.labels,
            (Labels{{"Lung Opacity", 1}, {"Normal", 0}, {"No Lung Opacity / Not Normal", 0}}));
  EXPECT_EQ(a.labels_chexpert, (Labels{{"Lung Opacity", 1}, {"No Finding", 0}, {"Pneumonia", 1}}));
  EXPECT_EQ(study_of(made, "b").labels_chexpert.at("No Finding"), 1);
  EXPECT_EQ(a.views[0].view, ViewPosition::kPA);
  EXPECT_EQ(a.source_row, 1);
  expect_box(study_of(made, "e").boxes.at(0), "Lung Opacity", {20, 20, 4, 4});
  EXPECT_TRUE(study_of(made, "f").boxes.empty());
}

TEST(CorporaTraps, SiimJoinsThePartsOfAMaskAndCountsEachOnce) {
  CorpusTree tree;
  tree.file("train-rle.csv",
            "ImageId, EncodedPixels\n1,0 2 1022 2\n1,4 1\n1,4 1\n2, -1\n2,5 5\n3,5 99999999\n"
            ",-1\n4,-1\n5,-1,x\n");
  tree.image("dicom-images-train/s/r/1.dcm");
  tree.image("dicom-images-train/s/q/2.dcm");
  tree.image("dicom-images-test/s/r/4.dcm");
  const PreparedCorpus read = tree.read("siim");
  ASSERT_EQ(study_of(read, "1").masks.size(), 1u);
  const Mask& mask = study_of(read, "1").masks[0];
  EXPECT_EQ(mask.rle, (std::vector<std::int64_t>{0, 2, 2, 1, 1019, 2, 1024 * 1024 - 1026}));
  const PreparedCorpus made = tree.prepare("siim");
  const std::string rows = "rows grouped into images: ";
  EXPECT_EQ(reasons_of(made.funnel), (Reasons{{rows + "merged: further part of a mask", 1},
                                              {rows + "repeated row", 1},
                                              {rows + "empty mask contradicts another row", 1},
                                              {rows + "broken run lengths", 1},
                                              {rows + "row without an image", 1},
                                              {rows + "unreadable row", 1}}));
  ASSERT_EQ(made.studies.size(), 3u);
  EXPECT_EQ(study_of(made, "1").masks[0].rows, 24);  // in pixels of the image
  EXPECT_EQ(study_of(made, "1").views[0].path, "dicom-images-train/s/r/1.dcm");
  EXPECT_EQ(study_of(made, "2").labels, (Labels{{"Pneumothorax", 0}}));
  EXPECT_EQ(study_of(made, "2").split, Split::kTrain);
  EXPECT_EQ(study_of(made, "4").split, Split::kTest);
}

TEST(CorporaTraps, NihCountsEachOnce) {
  CorpusTree tree;
  const std::string size = ",2682,2749,0.143,0.143\n";
  tree.file("Data_Entry_2017_v2020.csv",
            "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
            "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
            "1_0.png,Cardiomegaly|Effusion,0,1,058Y,M,PA" +
                size + "1_1.png,No Finding,1,1,412,F,AP" + size + "1_1.png,No Finding,1,1,58,F,AP" +
                size + "2_0.png,Efusion,0,2,50,F,AP" + size +
                "3_0.png,No Finding|Mass,0,3,50,F,AP" + size + "4_0.png,,0,4,50,F,AP" + size +
                "5_0.png,Mass,0,,50,F,AP" + size + ",Mass,0,5,50,F,AP" + size +
                "6_0.png,Mass,0,6,50,F,AP" + size + "7_0.png,Mass,0,7,old,F,AP" + size +
                "8_0.png,Mass\n");
  tree.file("BBox_List_2017.csv",
            "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
            "1_0.png,Infiltrate,1.5,2,3,4\n1_0.png,Effusion,1,2,3,4,,,\n1_0.png,Efusion,1,2,3,4\n"
            "9_9.png,Mass,1,2,3,4\n1_0.png,Mass,1,2,x,4\n1_0.png,Mass,1,2,0,4\n1_0.png,Mass,1,2\n");
  tree.file("train_val_list.txt", "1_0.png\r\n1_1.png\r\n\r\n");
  tree.file("test_list.txt", "7_0.png\n2_0.png\n3_0.png\n4_0.png\n5_0.png\n");
  tree.image("images_001/images/1_0.png");
  tree.image("images_002/images/1_1.png");
  tree.image("images_002/images/7_0.png");
  const PreparedCorpus made = tree.prepare("nih");
  const std::string rows = "rows read: ", boxes = "boxes joined to images: ";
  EXPECT_EQ(reasons_of(made.funnel), (Reasons{{rows + "repeated row", 1},
                                              {rows + "unknown label", 1},
                                              {rows + "No Finding beside a finding", 1},
                                              {rows + "row without labels", 1},
                                              {rows + "row without a patient", 1},
                                              {rows + "row without an image", 1},
                                              {rows + "image in neither list", 1},
                                              {rows + "unreadable row", 1},
                                              {"ages believed: impossible age: left out", 1},
                                              {"ages believed: age that is no number", 1},
                                              {boxes + "unknown label", 1},
                                              {boxes + "box of an image without an entry", 1},
                                              {boxes + "box that is not four numbers", 1},
                                              {boxes + "box without an area", 1},
                                              {boxes + "unreadable row", 1}}));
  ASSERT_EQ(made.studies.size(), 3u);
  const Study& first = study_of(made, "1_0.png");
  EXPECT_EQ(first.patient_id, "1");
  EXPECT_EQ(first.age, 58);
  EXPECT_EQ(first.sex, "M");
  EXPECT_EQ(first.views[0].path, "images_001/images/1_0.png");
  EXPECT_EQ(first.labels.size(), 15u);
  EXPECT_EQ(first.labels.at("Effusion") + first.labels.at("Cardiomegaly"), 2);
  EXPECT_EQ(first.labels_chexpert.at("Pleural Effusion"), 1);
  EXPECT_EQ(first.labels_chexpert.at("Lung Lesion"), 0);
  EXPECT_FALSE(first.labels_chexpert.contains("Lung Opacity"));  // NIH never says it is absent
  ASSERT_EQ(first.boxes.size(), 2u);
  expect_box(first.boxes[0], "Infiltration", {1.5, 2, 3, 4});
  EXPECT_FALSE(study_of(made, "1_1.png").age.has_value());
  EXPECT_EQ(study_of(made, "1_1.png").views[0].view, ViewPosition::kAP);
  EXPECT_EQ(study_of(made, "7_0.png").split, Split::kTest);
}

TEST(CorporaTraps, CovidxReadsLinesFromBothEndsAndCountsEachOnce) {
  CorpusTree tree;
  tree.file("train.txt",
            "1 a b (2).png normal rsna\n2 c.png pneumonia cohen\n2 c.png pneumonia cohen\n"
            "3 d.png covid rsna\n4 d.png normal\n");
  tree.file("test.txt", "2 c.png pneumonia cohen\n5 e.png COVID-19 ricord\n");
  tree.image("train/a b (2).png");
  tree.image("train/c.png");
  tree.image("test/e.png");
  const PreparedCorpus made = tree.prepare("covidx", {0, 1});
  EXPECT_EQ(reasons_of(made.funnel), (Reasons{{"lines read: repeated line", 1},
                                              {"lines read: unknown class", 1},
                                              {"lines read: unreadable line", 1},
                                              {"lines read: image in two lists", 1}}));
  const Study& first = study_of(made, "a b (2).png");
  EXPECT_EQ(first.labels, (Labels{{"normal", 1}, {"pneumonia", 0}, {"COVID-19", 0}}));
  EXPECT_EQ(first.labels_chexpert, (Labels{{"No Finding", 1}}));
  EXPECT_EQ(first.split, Split::kTrain);  // the corpus has its own test list: none is drawn
  EXPECT_EQ(study_of(made, "e.png").split, Split::kTest);
}

TEST(CorporaTraps, CovidxOfTwoClassesHasOneLabelAndDrawsATestSplitWhereItHasNone) {
  CorpusTree tree;
  tree.file("train_COVIDx9B.txt", "1 a.png positive rsna\n2 c.png negative cohen\n");
  const PreparedCorpus made = tree.read("covidx", {0, 1});
  EXPECT_EQ(made.studies.at(0).labels, (Labels{{"COVID-19", 1}}));
  EXPECT_EQ(made.studies.at(1).labels, (Labels{{"COVID-19", 0}}));
  EXPECT_EQ(made.studies.at(1).split, Split::kTest);
  tree.file("train_COVIDx9A.txt", "1 a.png normal rsna\n");
  EXPECT_THROW(tree.read("covidx"), Error);  // which of the two?
}

TEST(CorporaTraps, ObjectCxrBoxesEveryShapeAndCountsEachOnce) {
  CorpusTree tree;
  tree.file("train.csv",
            "image_name,annotation\na.png,0 1 2 5 6;1 9 9 3 3;2 1 1 4 1 4 8\nb.png,\nb.png,\n"
            "c.png,3 1 2 3 4;0 1 1 1 5\n,0 1 2 5 6\nd.png,1,2\n");
  tree.file("dev.csv", "image_name,annotation\na.png,\n");
  for (const char* name : {"train/a.png", "train/b.png", "train/c.png", "dev/a.png"})
    tree.image(name);
  const PreparedCorpus made = tree.prepare("object-cxr");
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{"rows read: repeated row", 1},
                     {"rows read: row without an image", 1},
                     {"rows read: unreadable row", 1},
                     {"objects read: annotation that is no rectangle, ellipse or polygon", 1},
                     {"objects read: object without an area", 1}}));
  ASSERT_EQ(made.studies.size(), 4u);
  const Study& a = study_of(made, "train/a.png");
  ASSERT_EQ(a.boxes.size(), 3u);
  expect_box(a.boxes[0], "Foreign Object", {1, 2, 4, 4});
  expect_box(a.boxes[1], "Foreign Object", {3, 3, 6, 6});
  expect_box(a.boxes[2], "Foreign Object", {1, 1, 3, 7});
  EXPECT_EQ(a.labels.at("Foreign Object"), 1);
  EXPECT_EQ(study_of(made, "train/b.png").labels.at("Foreign Object"), 0);
  EXPECT_EQ(study_of(made, "dev/a.png").views[0].path, "dev/a.png");
  EXPECT_EQ(study_of(made, "dev/a.png").split, Split::kValidate);
}

TEST(CorporaTraps, VindrTakesTheVoteOfItsReadersAndCountsEachOnce) {
  CorpusTree tree;
  tree.file(
      "annotations/annotations_train.csv",
      "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n"
      "i1,R1,Cardiomegaly,1,2,11,12\ni1,R2,Cardiomegaly,2,2,12,12\ni1,R3,No finding,,,,\n"
      "i1,R3,Nodule/Mass,1,1,3,3\ni1,R1,Cardiomegaly,1,2,11,12\n"
      "i2,R1,Edema,1,2,11,12\ni2,R2,No finding,,,,\ni2,R3,No finding,,,,\n"
      "i2,R1,Cardiomegally,1,2,11,12\ni2,R1,Edema,,,,\ni2,R1,Edema,5,5,5,9\n,R1,Edema,1,2,3,4\n"
      "i2,R1\n");
  tree.file(
      "annotations/annotations_test.csv",
      "image_id,class_name,x_min,y_min,x_max,y_max\ni9,Edema,1,2,11,12\ni1,Edema,1,2,11,12\n");
  for (const char* name : {"train/i1.dicom", "train/i2.png", "test/i9.dicom"}) tree.image(name);
  const PreparedCorpus made = tree.prepare("vindr");
  const std::string rows = "rows grouped into images: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{rows + "merged: further row of an image", 4},
                     {rows + "No finding beside a finding of one reader", 1},
                     {rows + "repeated row", 1},
                     {rows + "unknown class", 1},
                     {rows + "box that is not four numbers", 1},
                     {rows + "box without an area", 1},
                     {rows + "row without an image", 1},
                     {rows + "unreadable row", 1},
                     {rows + "image in two tables", 1}}));
  ASSERT_EQ(made.studies.size(), 3u);
  EXPECT_EQ(study_of(made, "i1").labels,
            (Labels{{"Cardiomegaly", 1}, {"Edema", 0}, {"No finding", -1}}));
  EXPECT_EQ(study_of(made, "i2").labels,
            (Labels{{"Cardiomegaly", 0}, {"Edema", -1}, {"No finding", 1}}));
  EXPECT_EQ(study_of(made, "i9").labels.at("Edema"), 1);
  EXPECT_EQ(study_of(made, "i9").split, Split::kTest);
  ASSERT_EQ(study_of(made, "i1").boxes.size(), 2u);
  expect_box(study_of(made, "i1").boxes[1], "Cardiomegaly", {2, 2, 10, 10});
  EXPECT_EQ(study_of(made, "i1").boxes[1].reader, "R2");
}

}  // namespace
}  // namespace biplane
