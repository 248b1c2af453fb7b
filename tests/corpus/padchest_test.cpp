// PadChest: Python's lists, and every trap of its table planted once.
#include <gmock/gmock.h>

#include "biplane/corpus/corpora/python_list.h"
#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::items_in;
using testing::reasons_of;
using testing::study_of;
using Reasons = std::map<std::string, std::int64_t>;

TEST(PythonList, GivesTheStringsBack) {
  const auto items = [](const char* text) { return parse_python_list(text).value(); };
  EXPECT_THAT(items("[]"), ElementsAre());
  EXPECT_THAT(items(" [ ] "), ElementsAre());
  EXPECT_THAT(items("['normal']"), ElementsAre("normal"));
  EXPECT_THAT(items("['a, b', \"Hodgkin's\" , ' c',]"), ElementsAre("a, b", "Hodgkin's", " c"));
  EXPECT_THAT(items(R"(['a\'b', "say \"no\"", 'back\\slash', 'x\xe9\u20acy\n'])"),
              ElementsAre("a'b", "say \"no\"", "back\\slash", "x\u00E9\u20ACy\n"));
}

TEST(PythonList, RefusesAllElse) {
  for (const char* text :
       {"", "normal", "['a'", "'a']", "['a' 'b']", "['a',,'b']", "[,]", "['a']x", "[a]", "[1]",
        "['a\"]", "[nan]", "['\\q']", "['\\x4']", "['\\ud800']", "['a\\", "['a\nb']", "[['a']]"})
    EXPECT_FALSE(parse_python_list(text).has_value()) << text;
}

// The 36 columns of the table, less the 12 of the acquisition, in its order.
constexpr const char* kHeader =
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,"
    "ViewPosition_DICOM,Projection,MethodProjection,Pediatric,ReportID,Report,MethodLabel,Labels,"
    "Localizations,LabelsLocalizationsBySentence,labelCUIS,LocalizationsCUIS\n";

struct Row {
  std::string image, folder = "0", date = "20140915", study, patient, birth = "1943.0", sex = "F",
                     projection = "PA", report = "sin hallazgos .", method = "Physician",
                     labels = "['normal']";
};

std::string line(const Row& row) {
  return "7," + row.image + "," + row.folder + "," + row.date + "," + row.study + "," +
         row.patient + "," + row.birth + "," + row.sex + ",POSTEROANTERIOR," + row.projection +
         ",Manual review of DICOM fields,No,99," + row.report + "," + row.method + ",\"" +
         row.labels + "\",\"['loc right']\",\"[['normal']]\",[],[]\n";
}

PreparedCorpus prepare(const CorpusTree& tree, const std::string& method = "") {
  PrepareOptions options;
  options.root = tree.path();
  options.method_label = method;
  return prepare_corpus(find_corpus("padchest"), options);
}

TEST(Padchest, CountsEachTrapOnce) {
  CorpusTree tree;
  std::string table = kHeader;
  const auto add = [&table](const Row& row) { table += line(row); };
  const Row first{.image = "1.png",
                  .study = "s1",
                  .patient = "p1",
                  .labels = "['cardiomegaly', ' pleural effusion', 'normal']"};
  add(first);
  add({.image = "2.png", .folder = "54", .study = "s1", .patient = "p1", .projection = "L"});
  add(first);
  add({.image = "1.png", .study = "s2", .patient = "p1"});
  add({.image = "3.png", .study = "s1", .patient = "p2"});
  add({.image = "", .study = "s3", .patient = "p3"});
  add({.image = "3.png", .study = "", .patient = "p3"});
  add({.image = "4.png", .study = "s3", .patient = "None"});
  add({.image = "5.png", .study = "s5", .patient = "p5", .projection = "OBLIQUE"});
  add({.image = "6.png", .study = "s6", .patient = "p6", .method = "Nurse"});
  add({.image = "7.png", .study = "s7", .patient = "p7", .labels = "['a' 'b']"});
  add({.image = "8.png", .study = "s8", .patient = "p8", .labels = "['exclude']"});
  add({.image = "9.png",
       .date = "20140915",
       .study = "s9",
       .patient = "p9",
       .birth = "19430916",
       .sex = "M",
       .projection = "AP_horizontal",
       .method = "RNN",
       .labels = "['unchanged', 'pneumonia']"});
  add({.image = "10.png",
       .study = "s10",
       .patient = "p10",
       .birth = "1843",
       .sex = "O",
       .projection = "COSTAL",
       .labels = "nan"});
  add({.image = "11.png", .study = "s11", .patient = "p11", .birth = "19", .projection = "AP"});
  add({.image = "12.png", .study = "s12", .patient = "p12", .report = ""});
  add({.image = "13.png", .study = "s13", .patient = "p13"});
  table += "8,14.png,0\n";
  tree.file("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", table);
  for (const char* name :
       {"0/1.png", "54/2.png", "9.png", "0/10.png", "0/11.png", "0/12.png", "0/unlisted.png"})
    tree.image(name);
  const PreparedCorpus made = prepare(tree);
  const std::string rows = "rows grouped into studies: ", labels = "labels read: ";
  EXPECT_EQ(
      reasons_of(made.funnel),
      (Reasons{{rows + "merged: further image of a study", 1},
               {rows + "repeated row", 1},
               {rows + "image of another study", 1},
               {rows + "names another patient than its study", 1},
               {rows + "row without an image", 1},
               {rows + "row without a study", 1},
               {rows + "row without a patient", 1},
               {rows + "unknown projection", 1},
               {rows + "unknown MethodLabel", 1},
               {rows + "labels that are no Python list", 1},
               {rows + "labelled 'exclude'", 1},
               {rows + "unreadable row", 1},
               {"ages believed: impossible age: left out", 1},
               {"ages believed: date that is none", 1},
               {labels + "normal beside a finding: taken as not normal", 1},
               {labels + "'unchanged' or 'suboptimal study': what is not listed stays unknown", 1},
               {labels + "no labels: all unknown", 1},
               {"image files: no row names it", 1},
               {"images read: missing image", 1},
               {"studies complete: no image left", 1},
               {"studies complete: empty report", 1}}));
  EXPECT_EQ(items_in(made.funnel, rows.substr(0, rows.size() - 2)), 18);
  ASSERT_EQ(made.studies.size(), 4u);
  const Study& own = study_of(made, "s1");
  EXPECT_EQ(own.patient_id, "p1");
  EXPECT_EQ(own.age, 71);
  EXPECT_EQ(own.sex, "F");
  EXPECT_EQ(own.label_source, "Physician");
  EXPECT_EQ(own.report.text, "sin hallazgos.");
  EXPECT_EQ(own.report.language, "es");
  ASSERT_EQ(own.views.size(), 2u);
  EXPECT_EQ(own.views[0].view, ViewPosition::kPA);
  EXPECT_EQ(own.views[1].view, ViewPosition::kLateral);
  EXPECT_EQ(own.views[1].path, "54/2.png");
  EXPECT_EQ(own.labels.at("pleural effusion"), 1);
  EXPECT_EQ(own.labels.at("normal"), 0);
  EXPECT_EQ(own.labels.at("pneumothorax"), 0);
  EXPECT_EQ(own.labels_chexpert.at("Pleural Effusion"), 1);
  EXPECT_EQ(own.labels_chexpert.at("No Finding"), 0);
  EXPECT_EQ(own.labels_chexpert.at("Fracture"), 0);
}

TEST(Padchest, SaysNothingAboutWhatItsLabelsLeaveOpen) {
  CorpusTree tree;
  tree.file("PADCHEST_labels.csv", kHeader +
                                       line({.image = "9.png",
                                             .study = "s9",
                                             .patient = "p9",
                                             .birth = "19430916",
                                             .sex = "M",
                                             .projection = "AP_horizontal",
                                             .method = "RNN",
                                             .labels = "['unchanged', 'pneumonia']"}) +
                                       line({.image = "10.png",
                                             .study = "s10",
                                             .patient = "p10",
                                             .birth = "1843",
                                             .sex = "O",
                                             .projection = "COSTAL",
                                             .labels = "nan"}));
  tree.image("9.png");  // all in one folder
  tree.image("10.png");
  const PreparedCorpus made = prepare(tree);
  const Study& nine = study_of(made, "s9");
  EXPECT_EQ(nine.age, 70);  // a day before the birthday
  EXPECT_EQ(nine.views[0].view, ViewPosition::kAP);
  EXPECT_EQ(nine.views[0].path, "9.png");
  EXPECT_EQ(nine.labels, (std::map<std::string, int>{{"pneumonia", 1}, {"unchanged", 1}}));
  EXPECT_EQ(nine.labels_chexpert,
            (std::map<std::string, int>{{"Lung Opacity", 1}, {"Pneumonia", 1}}));
  const Study& ten = study_of(made, "s10");
  EXPECT_EQ(ten.views[0].view, ViewPosition::kUnknown);
  EXPECT_FALSE(ten.age.has_value());
  EXPECT_EQ(ten.sex, "");
  EXPECT_TRUE(ten.labels.empty());
}

TEST(Padchest, GivesThePartThatPhysiciansLabelled) {
  CorpusTree tree;
  tree.file("PADCHEST_labels.csv",
            kHeader + line({.image = "1.png", .study = "s1", .patient = "p1"}) +
                line({.image = "2.png", .study = "s2", .patient = "p2", .method = "RNN"}));
  tree.image("0/1.png");
  tree.image("0/2.png");
  EXPECT_EQ(prepare(tree).studies.size(), 2u);
  const PreparedCorpus made = prepare(tree, "Physician");
  ASSERT_EQ(made.studies.size(), 1u);
  EXPECT_EQ(made.studies[0].label_source, "Physician");
  EXPECT_EQ(reasons_of(made.funnel).at("rows grouped into studies: not labelled by Physician"), 1);
}

TEST(Padchest, AsksWhichOfTwoTables) {
  CorpusTree tree;
  tree.file("PADCHEST_a.csv", kHeader);
  tree.file("PADCHEST_b.csv", kHeader);
  try {
    tree.read("padchest");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("PADCHEST_a.csv and PADCHEST_b.csv"));
  }
}

}  // namespace
}  // namespace biplane
