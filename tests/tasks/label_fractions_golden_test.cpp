// Which studies a fraction of the labels is, on the real tables: tools/golden/published_rules.py
// made the figures with pandas and scikit-learn.
#include <gtest/gtest.h>

#include <string>

#include "biplane/core/sha256.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/tasks/finetune_studies.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using testing::test_data;

struct Expected {
  std::size_t count;
  const char* sha256;  // of the names joined by line ends
};

// MGCA's split of a corpus as a manifest. What it needs of a view is added: the tables come without
// images.
Manifest manifest_of(const std::string& corpus, const fs::path& root) {
  PrepareOptions options;
  options.root = root;
  options.split = {.rule = "mgca", .lists = {}, .allowed_leaks = {"mgca"}};
  Funnel funnel;
  std::vector<Study> studies = read_corpus(find_corpus(corpus), options, funnel);
  for (Study& study : studies) study.views = {{"f.png", ViewPosition::kPA, "", 8, 8, ""}};
  return {std::move(studies), root, corpus};
}

void expect_fraction(const Manifest& manifest, const char* rule, double fraction,
                     const Expected& expected) {
  TaskDataConfig config;
  config.fraction_rule = rule;
  config.fraction = fraction;
  config.allow_leak = true;  // of images by patients: the published split itself
  std::string names;
  const TaskStudies chosen = choose_task_studies(manifest, config);
  for (const std::int64_t index : chosen.train)
    names += (names.empty() ? "" : "\n") + manifest.summary(index).study_id;
  EXPECT_EQ(chosen.train.size(), expected.count) << rule << " " << fraction;
  EXPECT_EQ(sha256_hex(names), expected.sha256) << rule << " " << fraction;
}

// The figures hold for these cuts only.
#define BIPLANE_NEEDS_CUT(name, sha256) \
  BIPLANE_NEEDS_TEST_DATA(name)         \
  if (sha256_file(test_data(name)) != (sha256)) GTEST_SKIP() << "another cut: " << (name)

TEST(LabelFractionsGolden, OfRsnaForClassificationAndDetection) {
  BIPLANE_NEEDS_CUT("labels/rsna/stage_2_train_labels.csv",
                    "b3ca811cea0f3da749b3555e6421ebb79c82df1bff94ba980fc65db574a5104b");
  const Manifest manifest = manifest_of("rsna", test_data("labels/rsna"));
  expect_fraction(manifest, "published", 1,
                  {343, "954ab5f026991f2410654de151c92b1f120c754085506335bf2f941eafa882d4"});
  expect_fraction(manifest, "published", 0.01,
                  {3, "b1963412bb5a09443ff1df61dcdff757411333c915ee18111706b1fee87ee1c5"});
  expect_fraction(manifest, "published", 0.02,
                  {7, "e7ea6e7780ad1fc541382bf591ca670fa9fd9894d4420a7e8c56522a5f1bc1dd"});
  expect_fraction(manifest, "published", 0.1,
                  {34, "22b56656990d0b07c5d8ad8aba91f63e9be4fc97ab43eb28bfd8fe2e4945bd39"});
  expect_fraction(manifest, "published_detection", 0.01,
                  {3, "b1963412bb5a09443ff1df61dcdff757411333c915ee18111706b1fee87ee1c5"});
  expect_fraction(manifest, "published_detection", 0.02,
                  {6, "0fec0d254cead22c322043111ff6a6a70b85bb10d6e555a8896daafda1ea2796"});
  expect_fraction(manifest, "published_detection", 0.1,
                  {34, "22b56656990d0b07c5d8ad8aba91f63e9be4fc97ab43eb28bfd8fe2e4945bd39"});
}

TEST(LabelFractionsGolden, OfSiimForSegmentation) {
  BIPLANE_NEEDS_CUT("labels/siim/train-rle.csv",
                    "c97926c6669251d6eb7913c8d77cfa4e5dbcdd5829262463e4ba6b0b92e2f004");
  const Manifest manifest = manifest_of("siim", test_data("labels/siim"));
  expect_fraction(manifest, "published_siim", 1,
                  {156, "e581f65ed562adf706b310168bb820e3de171f0f31aae07671cd83f0b9efb86e"});
  expect_fraction(manifest, "published_siim", 0.1,
                  {15, "b73e970f595257a6a11c048a66cd0cb3569a4fb91b08c169aa42a1c1393e79a3"});
}

TEST(LabelFractionsGolden, OfCovidxForClassification) {
  BIPLANE_NEEDS_CUT("labels/covidx/train_COVIDx9A.txt",
                    "f194993054a28e41f47e3c2664b5fc2b376a418f3e5c4abbf628b423c674abca");
  const Manifest manifest = manifest_of("covidx", test_data("labels/covidx"));
  expect_fraction(manifest, "published", 0.01,
                  {3, "63348b38d695c856885fab97cddd393488e4922ca915345700fa4ca128059a5c"});
  expect_fraction(manifest, "published", 0.1,
                  {32, "ba3e4f947abdf080cb8ff2f69ad777d9d4923de98b7d65a3b43ff75dafd49e13"});
}

}  // namespace
}  // namespace biplane
