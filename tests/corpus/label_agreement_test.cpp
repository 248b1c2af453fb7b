#include "biplane/corpus/label_agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LabelAgreement, OnlyTheValueOneIsPositive) {
  LabelAgreement agreement({"a"});
  const std::vector<LabelValues> values = {{{"a", 1}}, {{"a", 0}}, {{"a", -1}}, {}};
  for (const LabelValues& found : values)
    for (const LabelValues& reference : values) agreement.add(found, reference);
  const LabelCounts& counts = agreement.counts(0);
  EXPECT_EQ(counts.both, 1);
  EXPECT_EQ(counts.found_only, 3);
  EXPECT_EQ(counts.reference_only, 3);
  EXPECT_EQ(counts.found_uncertain, 1);
  EXPECT_EQ(counts.support(), 4);
  EXPECT_DOUBLE_EQ(*counts.precision(), 0.25);
  EXPECT_DOUBLE_EQ(*counts.recall(), 0.25);
  EXPECT_DOUBLE_EQ(counts.f1(), 0.25);
}

TEST(LabelAgreement, TheMacroF1LeavesOutRareLabels) {
  LabelAgreement agreement({"common", "rare", "never"});
  for (int i = 0; i < 30; ++i)
    agreement.add({{"common", i < 15 ? 1 : 0}}, {{"common", 1}, {"rare", i < 19 ? 1 : 0}});
  EXPECT_DOUBLE_EQ(*agreement.macro_f1(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*agreement.macro_f1(19), 1.0 / 3);
  EXPECT_FALSE(agreement.macro_f1(31).has_value());
  EXPECT_FALSE(agreement.counts(1).precision().has_value());
  EXPECT_FALSE(agreement.counts(2).recall().has_value());
  EXPECT_THAT(agreement.table(), HasSubstr("macro F1 of the labels with a support of 20 or more: "
                                           "0.667"));
  EXPECT_THAT(agreement.json(), HasSubstr("\"precision\": null"));
}

TEST(LabelReference, ReadsCsvAndManifestAlike) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "a.csv", "study_id,text,a,b\ns1,x,1,-1.0\ns2,y,,0\n");
  write_file_atomically(
      folder / "a.jsonl",
      R"({"format":1,"study_id":"s1","labels":{"a":1},"labels_chexpert":{"b":-1}})"
      "\n"
      R"({"format":1,"study_id":"s2","labels":{"a":null,"b":0}})"
      "\n");
  for (const char* name : {"a.csv", "a.jsonl"}) {
    const LabelReference reference =
        LabelReference::read(folder / name, "study_id", {"a", "b", "c"});
    EXPECT_THAT(reference.labels(), ElementsAre("a", "b")) << name;
    ASSERT_NE(reference.find("s2"), nullptr);
    EXPECT_EQ(*reference.find("s1"), (LabelValues{{"a", 1}, {"b", -1}})) << name;
    EXPECT_EQ(*reference.find("s2"), (LabelValues{{"b", 0}})) << name;
    EXPECT_EQ(reference.find("s3"), nullptr);
  }
}

TEST(LabelReference, StatedOnlyLeavesOutWhatTheReportHedgesOrDoesNotMention) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "a.jsonl",
                        R"({"format":1,"study_id":"s","labels":{"a":1,"b":1,"c":1,"d":0,"e":0},)"
                        R"("said":{"a":"stated","b":"uncertain","d":"denied"}})"
                        "\n");
  const std::vector<std::string> labels = {"a", "b", "c", "d", "e"};
  LabelAgreement agreement(labels);
  agreement.add({}, *LabelReference::read(folder / "a.jsonl", "", labels, true).find("s"));
  EXPECT_EQ(agreement.counts(0).support(), 1);
  EXPECT_EQ(agreement.counts(1).support(), 0);
  EXPECT_EQ(agreement.counts(2).support(), 0);
  EXPECT_EQ(LabelReference::read(folder / "a.jsonl", "", labels).find("s")->at("b"), 1);
}

TEST(LabelReference, ErrorsNameFileRowColumnAndValue) {
  const testing::TemporaryFolder folder;
  const auto expect_error = [&](const std::string& csv, const std::string& wanted) {
    write_file_atomically(folder / "bad.csv", csv);
    try {
      LabelReference::read(folder / "bad.csv", "", {"a"});
      ADD_FAILURE() << csv;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
      EXPECT_THAT(error.what(), HasSubstr("bad.csv"));
      EXPECT_THAT(error.what(), HasSubstr(wanted));
    }
  };
  expect_error("id,a\n1,0\n2,2\n", "row 2: a: '2' is none of 1, 0, -1 and blank");
  expect_error("id,a\n1,0\n1,0\n", "row 2: '1' is there twice");
  expect_error("id,b\n1,0\n", "has none of the labels, for example 'a'");
  expect_error("id,a\n1\n", "row 1");
}

}  // namespace
}  // namespace biplane
