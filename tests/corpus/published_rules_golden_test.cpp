// MGCA's splits against pandas and scikit-learn: tools/golden/published_rules.py made the figures.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "biplane/core/sha256.h"
#include "biplane/corpus/chexpert.h"
#include "biplane/corpus/corpora/published_rules.h"
#include "biplane/corpus/published_splits.h"
#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using Names = std::vector<std::string>;
using Rows = std::vector<std::int64_t>;

struct Expected {
  std::size_t count;
  const char* sha256;  // of the names joined by line ends
};

std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : "\n") + name;
  return text;
}

void expect(const Names& names, const Expected& expected) {
  EXPECT_EQ(names.size(), expected.count);
  EXPECT_EQ(sha256_hex(joined(names)), expected.sha256);
}

Names part(const std::vector<Placement>& placements, Split split) {
  Names names;
  for (const Placement& placement : placements)
    if (placement.split == split) names.push_back(placement.name);
  return names;
}

void expect_parts(const std::vector<Placement>& placements, const std::array<Expected, 3>& parts) {
  expect(part(placements, Split::kTrain), parts[0]);
  expect(part(placements, Split::kValidate), parts[1]);
  expect(part(placements, Split::kTest), parts[2]);
}

std::vector<Placement> draw(const std::string& corpus, const std::string& rule,
                            const std::filesystem::path& root) {
  return find_published_rule(corpus, rule).placements(root);
}

Names picked(const Names& names, const Rows& rows) {
  Names out;
  for (const std::int64_t row : rows) out.push_back(names[static_cast<std::size_t>(row)]);
  return out;
}

// The figures hold for these cuts only; another cut in BIPLANE_TEST_DATA has others.
bool is_cut(const std::string& name, const char* sha256) {
  return sha256_file(testing::test_data(name)) == sha256;
}

#define BIPLANE_NEEDS_CUT(name, sha256) \
  BIPLANE_NEEDS_TEST_DATA(name)         \
  if (!is_cut(name, sha256)) GTEST_SKIP() << "another cut: " << (name)

TEST(PublishedRulesGolden, RsnaOfMgca) {
  BIPLANE_NEEDS_CUT("labels/rsna/stage_2_train_labels.csv",
                    "b3ca811cea0f3da749b3555e6421ebb79c82df1bff94ba980fc65db574a5104b");
  const auto placements = draw("rsna", "mgca", testing::test_data("labels/rsna"));
  expect_parts(placements,
               {Expected{343, "954ab5f026991f2410654de151c92b1f120c754085506335bf2f941eafa882d4"},
                {74, "d02f553f95fc7700e6824dd8bd8ae25d4cd4e8e4d751e53f7e0dc89895d1e990"},
                {74, "dd42e0071b83a39fdb22c17d5b9dba6937e56ca4967520ea008d630162781db4"}});
  const Names train = part(placements, Split::kTrain);
  const Expected tenth = {34, "22b56656990d0b07c5d8ad8aba91f63e9be4fc97ab43eb28bfd8fe2e4945bd39"};
  const auto count = static_cast<std::int64_t>(train.size());
  expect(picked(train, mgca_fraction(count, 0.1)), tenth);
  expect(picked(train, mgca_detection_fraction(count, 0.1)), tenth);
  // The manifest has the studies in this order.
  PrepareOptions options;
  options.root = testing::test_data("labels/rsna");
  options.split.rule = "mgca";
  Funnel funnel;
  Names ids;
  for (const Study& study : read_corpus(find_corpus("rsna"), options, funnel))
    if (study.split == Split::kTrain) ids.push_back(study.study_id);
  EXPECT_EQ(ids, train);
}

TEST(PublishedRulesGolden, RsnaDetectionOfMgca) {
  CorpusTree tree;
  std::string rows = "patientId,x,y,width,height,Target\n";
  for (int i = 26683; i >= 0; --i) rows += fmt::format("p{:05d},,,,,0\n", i);  // it sorts them
  tree.file("stage_2_train_labels.csv", rows + "p00007,,,,,0\n");
  expect_parts(draw("rsna", "mgca-detection", tree.path()),
               {Expected{16010, "9d281796d75fb508279520a2c128820067b14b4ed6a39b8b2be9de9ea2699bc3"},
                {5337, "5e31ba428bd19e341afe727e74aacc0ffd75c5ac1c13f38025b018519f845cfc"},
                {5337, "78b7a81307c3e9aa01fd432ce425d319e46718defbad24486e4278ada21a419d"}});
}

TEST(PublishedRulesGolden, SiimOfMgca) {
  BIPLANE_NEEDS_CUT("labels/siim/train-rle.csv",
                    "c97926c6669251d6eb7913c8d77cfa4e5dbcdd5829262463e4ba6b0b92e2f004");
  const auto placements = draw("siim", "mgca", testing::test_data("labels/siim"));
  expect_parts(placements,
               {Expected{279, "0bc2f8ac61c1535f6e3bab008c1f4c8f91b77cb40c995e242439879fd318147f"},
                {60, "1607a7b19c5c3a7078db2ae3c6d84911353a805743cd2accc6fbcb4ddea4fa2c"},
                {60, "464ec3ea48a13b6deaa74339657d147aa7fb09547cc51cdcfea008f423b1ebcc"}});
  PrepareOptions options;
  options.root = testing::test_data("labels/siim");
  options.split = {.rule = "mgca", .lists = {}, .allowed_leaks = {"mgca"}};
  Funnel funnel;
  Names train;
  std::vector<std::uint8_t> positive;
  for (const Study& study : read_corpus(find_corpus("siim"), options, funnel)) {
    if (study.split != Split::kTrain) continue;
    train.push_back(study.study_id);
    positive.push_back(study.masks.empty() ? 0 : 1);
  }
  expect(picked(train, mgca_siim_fraction(positive, 1)),
         {156, "e581f65ed562adf706b310168bb820e3de171f0f31aae07671cd83f0b9efb86e"});
  expect(picked(train, mgca_siim_fraction(positive, 0.1)),
         {15, "b73e970f595257a6a11c048a66cd0cb3569a4fb91b08c169aa42a1c1393e79a3"});
}

TEST(PublishedRulesGolden, CovidxOfMgca) {
  BIPLANE_NEEDS_CUT("labels/covidx/train_COVIDx9A.txt",
                    "f194993054a28e41f47e3c2664b5fc2b376a418f3e5c4abbf628b423c674abca");
  expect_parts(draw("covidx", "mgca", testing::test_data("labels/covidx")),
               {Expected{320, "17a5cc5d1d2c603c50ef34239ca6c7bdef80e452679d993a22e63ddf9e1412da"},
                {80, "0814ff73beb339ce654fa8a76d1ab768fe0dddbe2d5a3ae21b0cea76787c3186"},
                {400, "23e8fdbb4786a4aeceb35fb6725bb23db984295437614f239bb99ea73d934bd5"}});
}

TEST(PublishedRulesGolden, ObjectCxrOfMgca) {
  CorpusTree tree;
  const auto table = [](int count) {
    std::string rows = "image_name,annotation\n";
    for (int i = 0; i < count; ++i) rows += fmt::format("{:05d}.jpg,\n", i);
    return rows;
  };
  tree.file("train.csv", table(257));
  tree.file("dev.csv", table(9));
  expect_parts(draw("object-cxr", "mgca", tree.path()),
               {Expected{231, "c8c2d2e18a3b2aaa5da601379f3579098df3e6885fff864d8793e27679ed8ddd"},
                {26, "6581ad3513a1df342d2647130176f2763e8f083c2536f497648bb6d8b2d3bbc3"},
                {9, "bdbf0da57c9b49e657dfaa4121b4d322e0745f78376cb025a83ade052f8ff0b9"}});
}

// The table that tools/golden/published_rules.py describes.
std::string chexpert_table() {
  constexpr std::array kFive = {"Atelectasis", "Cardiomegaly", "Consolidation", "Edema",
                                "Pleural Effusion"};
  std::string text = "Path,Sex,Age,Frontal/Lateral,AP/PA";
  for (const char* label : kChexpertLabels) text += std::string(",") + label;
  text += "\n";
  for (int i = 0; i < 8000; ++i) {
    const int patient = i / 4 + 1, kind = patient % 7;
    const bool frontal = i % 2 == 0;
    std::map<std::string, std::string> labels;
    if (kind < 5) labels[kFive.at(static_cast<std::size_t>(kind))] = "1.0";
    if (kind >= 5) labels["Edema"] = "1.0";
    if (kind == 5) labels["Pneumonia"] = "1.0";
    if (kind == 6) labels["Fracture"] = "-1.0";
    if (patient % 3 == 0) labels["No Finding"] = "1.0";
    if (patient % 2 == 0) labels["Pneumothorax"] = "0.0";
    text +=
        fmt::format("CheXpert-v1.0-small/train/patient{:05d}/study1/view{}_{}.jpg,Male,50,{},{}",
                    patient, i % 4 + 1, frontal ? "frontal" : "lateral",
                    frontal ? "Frontal" : "Lateral", frontal ? "AP" : "");
    for (const char* label : kChexpertLabels) text += "," + labels[label];
    text += "\n";
  }
  return text;
}

TEST(PublishedRulesGolden, ChexpertAndIts5x200OfMgca) {
  CorpusTree tree;
  const std::string table = chexpert_table();
  tree.file("train.csv", table);
  tree.file("valid.csv",
            table.substr(0, table.find('\n') + 1) +
                "CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg,Male,50,"
                "Frontal,AP,,,,,,,,,,,,,,\n");
  const auto placements = draw("chexpert", "mgca", tree.path());
  const Names train = part(placements, Split::kTrain), valid = part(placements, Split::kValidate);
  expect(train, {2624, "fd8f7fcfbf43cc4b16622ac6e8c3a2c39767c2087f066e6234c04620ab8bac10"});
  expect(valid, {5000, "05d43567abeeb409ca7310c631d4e318ab424f9716d4c95b9e1e4838bbd43d14"});
  EXPECT_EQ(part(placements, Split::kTest), Names{"patient64541/study1/view1_frontal"});
  const Names five = part(draw("chexpert-5x200", "mgca", tree.path()), Split::kTest);
  expect(five, {1000, "8d523497bc66fcd2688c364cde34e03c645785ea4b1cf5bafcda4675eac8ba91"});
  Names frontal;
  for (const std::string& name : train)
    if (name.ends_with("_frontal")) frontal.push_back(name);
  const auto count = static_cast<std::int64_t>(frontal.size());
  expect(picked(frontal, mgca_fraction(count, 0.01)),
         {11, "98156131574a6306f21da35bf4d4356c343ee725fc1778fd50237aac29f188b3"});
  expect(picked(frontal, mgca_fraction(count, 0.1)),
         {110, "b12f70a53d3f4c8bbe4834191a85f7a7016bf295a0c835f65dad1ee2f9d8af4c"});
  // As manifests: an image is a study, and 1,848 of them stand in two splits.
  PrepareOptions options;
  options.root = tree.path();
  options.split = {.rule = "mgca", .lists = {}, .allowed_leaks = {"mgca"}};
  Funnel funnel;
  const std::vector<Study> studies = read_corpus(find_corpus("chexpert"), options, funnel);
  EXPECT_EQ(studies.size(), 2624u + 5000 + 1);
  EXPECT_EQ(std::count_if(studies.begin(), studies.end(),
                          [](const Study& study) { return study.study_id.ends_with("@validate"); }),
            1848);
  EXPECT_EQ(studies.front().study_id, train.front());
  options.split.allowed_leaks.clear();
  Funnel other;
  const std::vector<Study> set = read_corpus(find_corpus("chexpert-5x200"), options, other);
  ASSERT_EQ(set.size(), 1000u);
  EXPECT_EQ(set.front().split, Split::kTest);
  EXPECT_EQ(set.front().labels.at("Atelectasis"), 1);
  EXPECT_EQ(set.back().labels.at("Pleural Effusion"), 1);
}

}  // namespace
}  // namespace biplane
