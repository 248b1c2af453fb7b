// CheXpert's tables in every form that they are found in, and the phantom's, whose truth comes
// back.
#include "biplane/corpus/chexpert.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/corpus/corpus_tree.h"
#include "tests/phantom/layout_files.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using testing::reasons_of;
using testing::study_of;
using Labels = std::map<std::string, int>;
using Reasons = std::map<std::string, std::int64_t>;

std::string header() {
  std::string text = "Path,Sex,Age,Frontal/Lateral,AP/PA";
  for (const char* label : kChexpertLabels) text += std::string(",") + label;
  return text + "\n";
}

// A row with these labels, in the order of the table; the rest is blank.
std::string row(const std::string& start, const Labels& labels = {}) {
  std::string text = start;
  for (const char* label : kChexpertLabels) {
    const auto found = labels.find(label);
    text += found == labels.end() ? "," : "," + std::to_string(found->second) + ".0";
  }
  return text + "\n";
}

TEST(Chexpert, EveryTrapStandsOnceInTheFunnel) {
  CorpusTree tree;
  const std::string t = "CheXpert-v1.0/train/", v = "CheXpert-v1.0/valid/";
  const Labels edema = {{"Edema", 1}, {"Fracture", -1}, {"Pneumonia", 0}};
  tree.file(
      "train.csv",
      header() + row(t + "patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP", edema) +
          row(t + "patient00001/study1/view2_lateral.jpg,Female,68,Lateral,", edema) +
          row(t + "patient00001/study1/view2_lateral.jpg,Female,68,Lateral,", edema) +
          row(t + "patient00001/study1/view3_frontal.jpg,Female,68,Frontal,PA") +
          row(t + "patient00002/study1/view1_frontal.jpg,Unknown,0,Frontal,LL") +
          row(t + "patient00003/study1/view1_frontal.jpg,Male,old,Frontal,PA") +
          row(t + "patient00004/study1/view1_frontal.jpg,Male,412,Frontal,PA") +
          row(t + "patient00005/study1/view1_frontal.jpg,Male,50,Oblique,PA") +
          row(t + "patient00006/study1/view1_frontal.jpg,Male,50,Frontal,PA", {{"Edema", 2}}) +
          row(t + "somewhere/view1_frontal.jpg,Male,50,Frontal,PA") + row(",Male,50,Frontal,PA") +
          "a,b\n" + row(t + "patient00007/study1/view1_frontal.jpg,Male,50,Frontal,AP"));
  tree.file("valid.csv", header() +
                             row(v + "patient00001/study1/view9_frontal.jpg,Male,50,Frontal,AP") +
                             row(v + "patient64541/study1/view1_frontal.jpg,Male,50,Frontal,AP"));
  for (const char* name :
       {"patient00001/study1/view1_frontal", "patient00001/study1/view2_lateral",
        "patient00002/study1/view1_frontal", "patient00003/study1/view1_frontal",
        "patient00004/study1/view1_frontal", "patient00008/study1/view1_frontal"})
    tree.image("train/" + std::string(name) + ".jpg");
  tree.image("valid/patient64541/study1/view1_frontal.jpg");
  const PreparedCorpus made = tree.prepare("chexpert");
  const std::string rows = "rows grouped into studies: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{rows + "merged: further image of a study", 1},
                     {rows + "repeated row", 1},
                     {rows + "labels contradict an earlier row", 1},
                     {rows + "neither Frontal nor Lateral", 1},
                     {rows + "label that is not 1, 0, -1 or blank", 1},
                     {rows + "path without patient, study and view", 1},
                     {rows + "row without an image", 1},
                     {rows + "unreadable row", 1},
                     {rows + "study in two tables", 1},
                     {"views as the tables say: Frontal with LL or RL: a lateral", 1},
                     {"ages believed: age that is no number", 1},
                     {"ages believed: impossible age: left out", 1},
                     {"image files: no row names it", 1},
                     {"images read: missing image", 1},
                     {"studies complete: no image left", 1}}));
  ASSERT_EQ(made.studies.size(), 5u);
  const Study& first = study_of(made, "patient00001/study1");
  ASSERT_EQ(first.views.size(), 2u);
  EXPECT_EQ(first.views[0].view, ViewPosition::kAP);
  EXPECT_EQ(first.views[0].path, "train/patient00001/study1/view1_frontal.jpg");
  EXPECT_EQ(first.views[1].view, ViewPosition::kLateral);
  EXPECT_EQ(first.patient_id, "patient00001");
  EXPECT_EQ(first.sex, "F");
  EXPECT_EQ(first.age, 68);
  EXPECT_EQ(first.labels, edema);
  EXPECT_EQ(first.labels_chexpert, edema);
  EXPECT_EQ(study_of(made, "patient00002/study1").views[0].view, ViewPosition::kLateral);
  EXPECT_EQ(study_of(made, "patient00002/study1").sex, "");
  EXPECT_FALSE(study_of(made, "patient00004/study1").age.has_value());
  EXPECT_EQ(study_of(made, "patient64541/study1").split, Split::kValidate);
}

// The same image, whatever the root is and however it was unpacked.
TEST(Chexpert, TheRootMayBeTheFolderItsParentOrHoldBatches) {
  const std::string path = "train/patient00001/study1/view1_frontal.jpg";
  const std::string table = header() + row("CheXpert-v1.0-small/" + path + ",Male,50,Frontal,AP");
  for (const auto& [csv, image] :
       {std::pair<std::string, std::string>{"train.csv", path},
        {"CheXpert-v1.0-small/train.csv", "CheXpert-v1.0-small/" + path},
        {"CheXpert-v1.0 batch 1 (validate & csv)/train.csv",
         "CheXpert-v1.0 batch 2 (train 1)/patient00001/study1/view1_frontal.jpg"}}) {
    CorpusTree tree;
    tree.file(csv, table);
    tree.image(image);
    const PreparedCorpus made = tree.prepare("chexpert");
    EXPECT_EQ(made.studies.at(0).views.at(0).path, image) << csv;
    EXPECT_EQ(made.studies.at(0).study_id, "patient00001/study1");
  }
  CorpusTree both;
  both.file("CheXpert-v1.0/train.csv", table);
  both.file("CheXpert-v1.0-small/train.csv", table);
  EXPECT_THROW(both.read("chexpert"), Error);
}

TEST(Chexpert, TestTablesOfEveryNameAreRead) {
  const std::string train =
      header() + row("train/patient00001/study1/view1_frontal.jpg,Male,50,Frontal,AP");
  struct Form {
    const char *table, *content;
  };
  for (const Form& form :
       {Form{"test.csv",
             "Path,Cardiomegaly,Airspace Opacity\n"
             "CheXpert-v1.0/test/patient64741/study1/view1_frontal.jpg,1.0,0.0\n"
             "CheXpert-v1.0/test/patient64741/study1/view2_lateral.jpg,1.0,0.0\n"},
        {"CheXpert/test_labels.csv",
         "Path,Cardiomegaly,Lung Opacity\n"
         "test/patient64741/study1/view1_frontal.jpg,1,0\n"
         "test/patient64741/study1/view2_lateral.jpg,1,0\n"},
        {"groundtruth.csv",
         "Study,Cardiomegaly,Lung Opacity\n"
         "CheXpert-v1.0/test/patient64741/study1,1,0\n"}}) {
    CorpusTree tree;
    tree.file("train.csv", train);
    tree.file(form.table, form.content);
    tree.image("CheXpert/test/patient64741/study1/view1_frontal.jpg");
    tree.image("CheXpert/test/patient64741/study1/view2_lateral.jpg");
    tree.image("train/patient00001/study1/view1_frontal.jpg");
    const PreparedCorpus made = tree.prepare("chexpert", {0, 1});
    const Study& test = study_of(made, "patient64741/study1");
    EXPECT_EQ(test.split, Split::kTest) << form.table;
    ASSERT_EQ(test.views.size(), 2u) << form.table;
    EXPECT_EQ(test.views[0].view, ViewPosition::kPA);
    EXPECT_EQ(test.views[1].view, ViewPosition::kLateral);
    EXPECT_EQ(test.labels_chexpert, (Labels{{"Cardiomegaly", 1}, {"Lung Opacity", 0}}));
    EXPECT_EQ(study_of(made, "patient00001/study1").split, Split::kTrain);  // none is drawn
  }
  CorpusTree none;
  none.file("train.csv", train);
  EXPECT_EQ(none.read("chexpert", {0, 1}).studies.at(0).split, Split::kTest);
}

TEST(Chexpert, AMissingColumnNamesTheNearest) {
  CorpusTree tree;
  tree.file("train.csv", "Path,Frontal/Lateral,No Findings\np,q,1\n");
  try {
    tree.read("chexpert");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("did you mean 'No Findings'"));
  }
}

TEST(Chexpert, ThePhantomsTruthComesBack) {
  const testing::WrittenLayout phantom(testing::layout_options("chexpert"));
  PrepareOptions options;
  options.root = phantom.folder.path();
  const PreparedCorpus made = prepare_corpus(find_corpus("chexpert"), options);
  EXPECT_TRUE(reasons_of(made.funnel).size() == 1 &&
              reasons_of(made.funnel)
                  .contains("rows grouped into studies: merged: further image of a study"));
  ASSERT_EQ(made.studies.size(), phantom.manifest.summaries().size());
  std::map<std::string, const Study*> by_path;
  for (const Study& study : made.studies) by_path[study.views.at(0).path] = &study;
  std::map<std::string, std::string> patients;
  std::size_t laterals = 0;
  for (Study truth : phantom.manifest.read_all()) {
    testing::sort_views(truth);
    ASSERT_TRUE(by_path.contains(truth.views[0].path)) << truth.views[0].path;
    const Study& own = *by_path[truth.views[0].path];
    ASSERT_EQ(own.views.size(), truth.views.size());
    for (std::size_t v = 0; v < own.views.size(); ++v) {
      EXPECT_EQ(own.views[v].path, truth.views[v].path);
      EXPECT_EQ(own.views[v].view, truth.views[v].view);
      EXPECT_EQ(own.views[v].sha256, truth.views[v].sha256);
      laterals += own.views[v].view == ViewPosition::kLateral ? 1 : 0;
    }
    EXPECT_EQ(own.labels_chexpert, truth.labels_chexpert);
    EXPECT_EQ(own.labels, own.labels_chexpert);
    EXPECT_EQ(own.split, truth.split);
    EXPECT_EQ(own.sex, truth.sex);
    EXPECT_EQ(own.age, std::floor(truth.age.value()));
    EXPECT_EQ(patients.emplace(own.patient_id, truth.patient_id).first->second, truth.patient_id);
  }
  EXPECT_GT(laterals, 50u);
}

}  // namespace
}  // namespace biplane
