#include "biplane/text/prompts.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPrompts = R"(name: phantom
version: 2
classes:
  pleural_effusion:
    positive: [right pleural effusion, left pleural effusion]
    negative: [no pleural effusion]
  edema:
    positive: [pulmonary edema]
    negative: [no edema]
)";

TEST(Prompts, ReadsNamesListsAndTheHash) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "prompts.yaml", kPrompts);
  const PromptSet set = read_prompts(folder / "prompts.yaml");
  EXPECT_EQ(set.name, "phantom");
  EXPECT_EQ(set.version, 2);
  EXPECT_EQ(set.sha256, sha256_file(folder / "prompts.yaml"));
  ASSERT_EQ(set.classes.size(), 2u);
  EXPECT_EQ(set.classes[0].finding, "pleural_effusion");
  EXPECT_THAT(set.classes[0].positive,
              ElementsAre("right pleural effusion", "left pleural effusion"));
  EXPECT_THAT(set.find("edema")->negative, ElementsAre("no edema"));
  EXPECT_EQ(set.ranking, Ranking::kMargin);
  EXPECT_EQ(parse_prompts(std::string("ranking: positive\n") + kPrompts).ranking,
            Ranking::kPositive);
  EXPECT_EQ(set.find("mass"), nullptr);
}

std::string error_of(const std::string& yaml) {
  try {
    parse_prompts(yaml, "p.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    return error.what();
  }
  return "no error";
}

TEST(Prompts, BadFilesNameLineAndKey) {
  const std::string head = "name: p\nversion: 1\nclasses:\n  edema:\n";
  EXPECT_THAT(error_of(head + "    positive: [edema]\n"),
              AllOf(HasSubstr("p.yaml"), HasSubstr("negative"), HasSubstr("edema")));
  EXPECT_THAT(error_of(head + "    positive: [a]\n    negativ: [b]\n"),
              AllOf(HasSubstr("line 6"), HasSubstr("'negativ'"), HasSubstr("'negative'")));
  EXPECT_THAT(error_of("ranking: best\n" + head + "    positive: [a]\n    negative: [b]\n"),
              AllOf(HasSubstr("line 1"), HasSubstr("'best'")));
  EXPECT_THAT(error_of(head + "    positive: []\n    negative: [b]\n"),
              HasSubstr("edema.positive"));
  EXPECT_THAT(error_of(head + "    positive: ['']\n    negative: [b]\n"), HasSubstr("empty"));
  EXPECT_THAT(error_of(head + "    positive: [a, a]\n    negative: [b]\n"), HasSubstr("twice"));
  EXPECT_THAT(error_of(head + "    positive: [a]\n    negative: [a]\n"), HasSubstr("both"));
  EXPECT_THAT(error_of("name: p\nversion: one\nclasses: {}\n"), HasSubstr("version"));
  EXPECT_THAT(error_of("name: p\nversion: 1\nclasses: {}\n"), HasSubstr("classes"));
  EXPECT_THAT(error_of("version: 1\n"), HasSubstr("name"));
  EXPECT_THAT(error_of("[1, 2]"), HasSubstr("p.yaml"));
  EXPECT_THAT(error_of("a: ["), HasSubstr("not valid YAML"));
  EXPECT_THAT(error_of(std::string(100000, '[')), HasSubstr("nested"));
  EXPECT_THAT(error_of(""), HasSubstr("p.yaml"));
}

constexpr const char* kSlots = R"(name: slots
version: 1
corpora: [chexpert-5x200]
classes:
  Edema:
    positive: {slots: [["", mild], [edema, pulmonary edema], ["", at both bases]]SAMPLE}
    negative: [no edema]
)";

std::vector<std::string> positives(const std::string& sample) {
  std::string yaml = kSlots;
  yaml.replace(yaml.find("SAMPLE"), 6, sample);
  return parse_prompts(yaml).classes[0].positive;
}

TEST(Prompts, SlotsMakeTheirProduct) {
  EXPECT_THAT(positives(""),
              ElementsAre("edema", "edema at both bases", "pulmonary edema",
                          "pulmonary edema at both bases", "mild edema", "mild edema at both bases",
                          "mild pulmonary edema", "mild pulmonary edema at both bases"));
}

TEST(Prompts, ASampleOfTheProductDependsOnSeedAndFindingAlone) {
  const std::vector<std::string> all = positives(""), first = positives(", sample: 3");
  EXPECT_EQ(first.size(), 3U);
  EXPECT_EQ(first, positives(", sample: 3, seed: 0"));
  EXPECT_NE(first, positives(", sample: 3, seed: 1"));
  EXPECT_EQ(positives(", sample: 8, seed: 5"), all);
  for (const std::string& prompt : first)
    EXPECT_NE(std::find(all.begin(), all.end(), prompt), all.end());
  // Fixed for ever: published figures name the file's hash alone.
  EXPECT_THAT(first, ElementsAre("edema at both bases", "mild edema", "mild pulmonary edema"));
}

TEST(Prompts, BadSlotsAreNamed) {
  const std::string head = "name: p\nversion: 1\nclasses:\n  edema:\n    negative: [b]\n";
  EXPECT_THAT(error_of(head + "    positive: {slots: []}\n"), HasSubstr("edema.positive.slots"));
  EXPECT_THAT(error_of(head + "    positive: {slots: [[a], []]}\n"), HasSubstr("a slot of"));
  EXPECT_THAT(error_of(head + "    positive: {slots: [['', a], ['']]}\n"), HasSubstr("empty"));
  EXPECT_THAT(error_of(head + "    positive: {slots: [[a, a]]}\n"), HasSubstr("twice"));
  EXPECT_THAT(error_of(head + "    positive: {slots: [[a]], sample: 2}\n"), HasSubstr("1 to 1"));
  EXPECT_THAT(error_of(head + "    positive: {slots: [[a]], seed: -1, sample: 1}\n"),
              HasSubstr("edema.positive.seed"));
  EXPECT_THAT(error_of(head + "    positive: {slot: [[a]]}\n"), HasSubstr("'slots'"));
}

TEST(Prompts, EveryShippedFileIsRead) {
  for (const char* name :
       {"chexpert", "chexpert_5x200", "covidx", "nih", "openi", "padchest", "phantom", "vindr"})
    EXPECT_FALSE(read_prompts(std::string("share/prompts/") + name + ".yaml").classes.empty());
  EXPECT_EQ(read_prompts("share/prompts/chexpert_5x200.yaml").classes.size(), 5U);
}

TEST(Prompts, AFindingGivenTwiceIsAnError) {
  EXPECT_THAT(error_of("name: p\nversion: 1\nclasses:\n  a: {positive: [x], negative: [y]}\n  a: "
                       "{positive: [x], negative: [y]}\n"),
              HasSubstr("twice"));
}

}  // namespace
}  // namespace biplane
