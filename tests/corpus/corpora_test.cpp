// The frame of `prepare CORPUS`: what holds for all corpora.
#include <gmock/gmock.h>

#include "biplane/core/share.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/text/prompts.h"
#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using ::testing::HasSubstr;

struct Broken {
  const char* corpus;
  const char* table;
  const char* header;
  const char* wanted;
};

TEST(Corpora, AMissingColumnNamesTheNearest) {
  for (const Broken& broken :
       {Broken{"rsna", "stage_2_train_labels.csv", "patientId,x,y,width,heigth,Target", "'heigth'"},
        {"siim", "train-rle.csv", "ImageId,EncodedPixel", "'EncodedPixel'"},
        {"nih", "Data_Entry_2017.csv",
         "Image Index,Finding Label,Patient ID,Patient Age,Patient Sex,View Position",
         "'Finding Label'"},
        {"mimic", "mimic-cxr-2.0.0-metadata.csv",
         "dicom_id,subject_id,study_id,ViewPositon,Rows,Columns,StudyDate,StudyTime",
         "'ViewPositon'"},
        {"object-cxr", "train.csv", "image_name,anotation", "'anotation'"},
        {"vindr", "train.csv", "image_id,class_nam,class_id,rad_id,x_min,y_min,x_max,y_max",
         "'class_nam'"}}) {
    CorpusTree tree;
    tree.file(broken.table, std::string(broken.header) + "\na,b,c,d,e,f,g,h\n");
    try {
      tree.prepare(broken.corpus);
      ADD_FAILURE() << broken.corpus << ": accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(std::string("did you mean ") + broken.wanted));
      EXPECT_THAT(error.what(), HasSubstr(broken.table));
    }
  }
}

TEST(Corpora, AnotherFolderIsAWrongRoot) {
  const CorpusTree empty;
  for (const Corpus& corpus : corpora()) {
    if (std::string(corpus.name) == "pairs") continue;
    try {
      empty.prepare(corpus.name);
      ADD_FAILURE() << corpus.name << ": accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("is not the root of " + std::string(corpus.name)));
    }
  }
  PrepareOptions options;
  options.root = empty.path() / "nowhere";
  EXPECT_THROW(prepare_corpus(find_corpus("nih"), options), Error);
}

TEST(Corpora, FilesThatVanishAreCountedAsMissing) {
  CorpusTree tree;
  tree.file("train.csv", "image_name,annotation\na.png,\nb.png,\nc.png,\n");
  tree.image("train/a.png");
  // Named by its folder, as every file is while it is still there, and gone when it is opened.
  std::filesystem::create_symlink(tree.path() / "gone.png", tree.path() / "train" / "b.png");
  std::filesystem::create_directory(tree.path() / "train" / "c.png");  // no file
  const PreparedCorpus made = tree.prepare("object-cxr");
  EXPECT_EQ(made.studies.size(), 1u);
  const auto reasons = testing::reasons_of(made.funnel);
  EXPECT_EQ(reasons.at("images read: missing image"), 1);
  EXPECT_EQ(reasons.at("images read: broken image"), 1);
  EXPECT_EQ(reasons.at("studies complete: no image left"), 2);
}

TEST(Corpora, TablesWithoutAnyOfTheImagesAreAWrongRoot) {
  CorpusTree tree;
  tree.file("train.csv", "image_name,annotation\na.png,\n");
  try {
    tree.prepare("object-cxr");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("none of the 1 images"));
  }
}

TEST(Corpora, ANameThatIsNotUtf8IsLeftOutAndCounted) {
  CorpusTree tree;
  tree.file("train.csv", "image_name,annotation\na.png,\nm\xE9.png,\n\xC3\xA9.png,\n");
  for (const char* name : {"train/a.png", "train/m\xE9.png", "train/\xC3\xA9.png"})
    tree.image(name);
  const PreparedCorpus made = tree.prepare("object-cxr");
  EXPECT_EQ(made.studies.size(), 2u);
  EXPECT_EQ(
      testing::reasons_of(made.funnel),
      (std::map<std::string, std::int64_t>{{"studies complete: a name that is not UTF-8", 1}}));
}

TEST(Corpora, LinksInCirclesEndAndEveryFolderIsEnteredOnce) {
  CorpusTree tree;
  tree.file("train-rle.csv", "ImageId,EncodedPixels\n1,-1\n");
  tree.image("dicom-images-train/s/1.dcm");
  for (const char* name : {"one", "two", "three"}) {
    std::filesystem::create_directory_symlink("..", tree.path() / "dicom-images-train" / name);
    std::filesystem::create_directory_symlink(".", tree.path() / "dicom-images-train/s" / name);
  }
  const PreparedCorpus made = tree.prepare("siim");
  EXPECT_EQ(made.studies.size(), 1u);
  EXPECT_EQ(testing::items_in(made.funnel, "image files"), 1);
}

TEST(Corpora, AListMayBeginWithAByteOrderMark) {
  CorpusTree tree;
  tree.file("list.txt", "\xEF\xBB\xBFone\ntwo\n");
  EXPECT_EQ(read_list(tree.path() / "list.txt").front().second, "one");
}

TEST(Corpora, AListWithoutLineEndsIsRefusedBeforeItIsRead) {
  CorpusTree tree;
  tree.file("train.txt", "1 a.png normal x\n");
  std::filesystem::resize_file(tree.path() / "train.txt", 10'000'000'000);  // sparse
  EXPECT_THROW(tree.prepare("covidx"), Error);
}

TEST(Corpora, AgesOfEveryFormAreYears) {
  EXPECT_EQ(parse_age("58"), 58);
  EXPECT_EQ(parse_age(" 058Y"), 58);
  EXPECT_EQ(parse_age("018M"), 1.5);
  EXPECT_NEAR(*parse_age("010D"), 0.0274, 1e-4);
  for (const char* none : {"", "Y", "old", "-3", "5 8", "nan"})
    EXPECT_FALSE(parse_age(none)) << none;
}

TEST(Corpora, AnUnknownNameNamesTheNearestOrAll) {
  const auto message = [](const std::string& name) -> std::string {
    try {
      find_corpus(name);
      return "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
  };
  EXPECT_THAT(message("vinder"), HasSubstr("did you mean 'vindr'"));
  EXPECT_THAT(message("something else"), HasSubstr("pairs, mimic, ms-cxr, chexpert"));
}

TEST(Corpora, PathsAreRelativeToTheManifestAndSplitsAreByPatient) {
  CorpusTree tree;
  std::string lines;
  for (int i = 0; i < 120; ++i) {
    lines += std::to_string(i / 2) + " " + std::to_string(i) + ".png normal rsna\n";
    tree.image("train/" + std::to_string(i) + ".png");
  }
  tree.file("train.txt", lines);
  PrepareOptions options;
  options.root = tree.path();
  options.out = tree.path() / "deep" / "out";
  options.fractions = {0.2, 0.3};
  options.threads = 2;
  const PreparedCorpus made = prepare_corpus(find_corpus("covidx"), options);
  std::map<std::string, Split> patients;
  std::map<Split, int> counts;
  for (const Study& study : made.studies) {
    EXPECT_EQ(patients.emplace(study.patient_id, study.split).first->second, study.split);
    ++counts[study.split];
  }
  EXPECT_EQ(counts.size(), 3u);
  EXPECT_EQ(made.studies.at(0).views.at(0).path, "../../train/0.png");
}

TEST(Corpora, PresentOutranksUncertainOutranksAbsent) {
  using Labels = std::map<std::string, int>;
  EXPECT_EQ(chexpert_of("nih", {{"Mass", 0}, {"Nodule", 1}}), (Labels{{"Lung Lesion", 1}}));
  EXPECT_EQ(chexpert_of("nih", {{"Mass", -1}, {"Nodule", 0}}), (Labels{{"Lung Lesion", -1}}));
  EXPECT_EQ(chexpert_of("nih", {{"Infiltration", 0}, {"Hernia", 1}}), Labels{});
  EXPECT_EQ(chexpert_of("pairs", {{"Mass", 1}}), Labels{});
}

// Otherwise a corpus would be read by the prompts of another one, which knows a part of it.
TEST(ShippedPrompts, KnowEveryFindingOfTheirCorpus) {
  const std::map<std::string, std::set<std::string>> no_finding{
      {"covidx", {}},
      {"nih", {"No Finding"}},
      {"openi", {"normal"}},
      {"padchest", {"normal"}},
      {"vindr", {"No finding", "Other lesion"}}};
  for (const auto& [corpus, left_out] : no_finding) {
    const PromptSet prompts = read_prompts(share_file("prompts") / (corpus + ".yaml"));
    EXPECT_THAT(prompts.corpora, ::testing::ElementsAre(corpus));
    std::vector<std::string> asked, known = known_labels(corpus);
    for (const PromptClass& one : prompts.classes) asked.push_back(one.finding);
    std::erase_if(known,
                  [&none = left_out](const std::string& label) { return none.contains(label); });
    EXPECT_THAT(asked, ::testing::UnorderedElementsAreArray(known)) << corpus;
  }
}

}  // namespace
}  // namespace biplane
