// Published splits: what is refused, what is recorded, how studies find their places.
#include "biplane/corpus/corpora/published_rules.h"

#include <gmock/gmock.h>

#include <numeric>

#include "biplane/corpus/published_splits.h"
#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::reasons_of;
using Reasons = std::map<std::string, std::int64_t>;

SplitChoice by_rule(const std::string& name, const std::vector<std::string>& allowed = {}) {
  return {name, {}, allowed};
}
SplitChoice by_lists(const std::vector<std::string>& files) { return {"", files, {}}; }

PreparedCorpus read(const CorpusTree& tree, const std::string& corpus, const SplitChoice& split,
                    const SplitFractions& fractions = {}) {
  PrepareOptions options;
  options.root = tree.path();
  options.split = split;
  options.fractions = fractions;
  PreparedCorpus made;
  made.studies = read_corpus(find_corpus(corpus), options, made.funnel);
  return made;
}

// Kind and message of what a choice is refused with.
std::pair<ErrorKind, std::string> refusal(const CorpusTree& tree, const std::string& corpus,
                                          const SplitChoice& split,
                                          const SplitFractions& fractions = {}) {
  try {
    read(tree, corpus, split, fractions);
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::kIo, "accepted"};
}

std::vector<std::string> places(const PreparedCorpus& made) {
  std::vector<std::string> found;
  for (const Study& study : made.studies)
    found.push_back(std::string(split_name(study.split)) + " " + study.study_id);
  return found;
}

// Ten images, of which the first has three rows.
void write_siim(CorpusTree& tree) {
  std::string rows = "ImageId, EncodedPixels\n";
  for (int i = 0; i < 10; ++i) rows += std::to_string(i) + ",5 " + std::to_string(i + 1) + "\n";
  tree.file("train-rle.csv", rows + "0,50 2\n0,70 2\n");
}

TEST(PublishedRules, ASplitThatLeaksIsRefusedUnlessItIsNamed) {
  CorpusTree tree;
  write_siim(tree);
  const auto [kind, message] = refusal(tree, "siim", by_rule("mgca"));
  EXPECT_EQ(kind, ErrorKind::kFailure);
  EXPECT_THAT(message, HasSubstr("an image with several rows falls apart"));
  EXPECT_THAT(message, HasSubstr("--allow-leak mgca"));
  const auto other = refusal(tree, "siim", by_rule("mgca", {"list"}));
  EXPECT_EQ(other.first, ErrorKind::kUsage);
  const PreparedCorpus made = read(tree, "siim", by_rule("mgca", {"mgca"}));
  EXPECT_THAT(made.funnel.json(), HasSubstr("\"split\": \"mgca\""));
  EXPECT_THAT(made.funnel.json(), HasSubstr("\"leak allowed\": \"it splits rows"));
  EXPECT_THAT(made.funnel.json(), HasSubstr("\"patients in several splits\": \"1\""));
  // Every image is there, the first in as many splits as its rows fell into.
  const auto found = places(made);
  EXPECT_EQ(
      std::count_if(found.begin(), found.end(),
                    [](const std::string& place) { return place.find(" 0") != std::string::npos; }),
      static_cast<std::ptrdiff_t>(found.size()) - 9);
  EXPECT_GT(found.size(), 10u);
  for (const Study& study : made.studies)
    if (study.study_id != "0" && study.study_id.front() == '0') {
      EXPECT_EQ(study.study_id, std::string("0@") + split_name(study.split));
    }
}

TEST(PublishedRules, UnknownOnesAndContradictionsAreNamed) {
  CorpusTree tree;
  write_siim(tree);
  EXPECT_THAT(refusal(tree, "siim", by_rule("mrm")).second,
              HasSubstr("siim has the published splits mgca"));
  tree.file(
      "train.csv",
      "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\na,No finding,14,R1,,,,\n");
  EXPECT_THAT(refusal(tree, "vindr", by_rule("mgca")).second, HasSubstr("--split-list FILE"));
  EXPECT_THAT(refusal(tree, "siim", by_rule("mgca", {"mgca"}), {0.1, 0}).second,
              HasSubstr("--validate and --test draw"));
  EXPECT_THAT(refusal(tree, "siim", {"mgca", {"train.txt"}, {}}).second,
              HasSubstr("give one of them"));
  EXPECT_THAT(refusal(tree, "siim", by_lists({"list.txt"})).second, HasSubstr("train=FILE"));
  EXPECT_THAT(refusal(tree, "siim", by_lists({"train_val_list.txt"})).second,
              HasSubstr("train=FILE"));
  EXPECT_EQ(refusal(tree, "siim", by_lists({"val.txt"})).first, ErrorKind::kMissingInput);
  CorpusTree chexpert;
  chexpert.file("train.csv", "Path\n");
  EXPECT_THAT(refusal(chexpert, "chexpert-5x200", {}).second, HasSubstr("three different sets"));
}

TEST(SplitLists, AreReadAsTheirProjectsShipThem) {
  CorpusTree tree;
  write_siim(tree);
  const auto list = [&tree](const std::string& name, const std::string& content) {
    tree.file("lists/" + name, content);
    return (tree.path() / "lists" / name).string();
  };
  const std::string train = list("train_1.txt", "3\n1\r\n\nnone\n3\n"),
                    val = list("iscovid_val.txt", "dicom-images-train/7.dcm 0 1\n"),
                    csv = list("5x200.csv", "Number,ImageId,Label\n1,9.png,x\n2,8,y\n");
  const PreparedCorpus made = read(tree, "siim", by_lists({"test=" + csv, val, train}));
  EXPECT_THAT(places(made), ElementsAre("train 3", "train 1", "validate 7", "test 9", "test 8"));
  EXPECT_EQ(reasons_of(made.funnel).at("published split joined to studies: no such study"), 1);
  EXPECT_EQ(
      reasons_of(made.funnel).at("published split joined to studies: named again in one split"), 1);
  EXPECT_EQ(reasons_of(made.funnel).at("studies in the published split: in none of its parts"), 5);
  // The same image in two lists.
  const std::string test = list("test.txt", "3\n");
  EXPECT_EQ(refusal(tree, "siim", by_lists({train, test})).first, ErrorKind::kFailure);
  const PreparedCorpus leaking = read(tree, "siim", {"", {train, test}, {"list"}});
  EXPECT_THAT(places(leaking), ElementsAre("train 3", "train 1", "test 3@test"));
  EXPECT_THAT(refusal(tree, "siim", by_lists({list("val2.csv", "a,b\n1,2\n")})).second,
              HasSubstr("'Path'"));
  EXPECT_THAT(refusal(tree, "siim", by_lists({list("dev.txt", "nothing\n")})).second,
              HasSubstr("names none of the studies"));
  EXPECT_THAT(
      refusal(tree, "siim", by_lists({train, list("dev.txt", "study-3\nstudy-4\n")})).second,
      HasSubstr("none of the 2 names for the split validate is that of a study or an image, "
                "the first is 'study-3'"));
}

TEST(SplitLists, ImagesOfChexpertArePlacedOneByOne) {
  CorpusTree tree;
  const std::string path = "CheXpert-v1.0-small/train/patient00001/study1/view";
  tree.file("train.csv",
            "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,"
            "Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,"
            "Pleural Effusion,Pleural Other,Fracture,Support Devices\n" +
                path + "1_frontal.jpg,Male,50,Frontal,AP,,,,,,1.0,,,,,,,,\n" + path +
                "2_lateral.jpg,Male,50,Lateral,,,,,,,1.0,,,,,,,,\n");
  tree.file("val_list.txt", path + "2_lateral.jpg 0 0 0 1 0\n");
  const PreparedCorpus made =
      read(tree, "chexpert", by_lists({(tree.path() / "val_list.txt").string()}));
  EXPECT_THAT(places(made), ElementsAre("validate patient00001/study1/view2_lateral"));
  ASSERT_EQ(made.studies[0].views.size(), 1u);
  EXPECT_EQ(made.studies[0].views[0].view, ViewPosition::kLateral);
  EXPECT_EQ(made.studies[0].labels.at("Edema"), 1);
}

TEST(SplitLists, ANameOfTwoStudiesFindsNeither) {
  CorpusTree tree;
  tree.file("train.csv", "image_name,annotation\na.png,\nb.png,\n");
  tree.file("dev.csv", "image_name,annotation\na.png,\n");
  tree.file("lists/test.txt", "a.png\nb.png\ndev/a.png\n");
  const PreparedCorpus made =
      read(tree, "object-cxr", by_lists({(tree.path() / "lists/test.txt").string()}));
  EXPECT_THAT(places(made), ElementsAre("test train/b.png", "test dev/a.png"));
}

TEST(MgcaFractions, RefuseWhatCannotBeDrawn) {
  const std::vector<std::uint8_t> positive = {1, 1, 0};
  EXPECT_THROW(mgca_siim_fraction(positive, 0.5), Error);
  EXPECT_THROW(mgca_detection_fraction(10, 1.5), Error);
  EXPECT_THROW(mgca_fraction(10, -0.1), Error);
  EXPECT_TRUE(mgca_fraction(10, 0.01).empty());
}

}  // namespace
}  // namespace biplane
