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

TEST(Prompts, AFindingGivenTwiceIsAnError) {
  EXPECT_THAT(error_of("name: p\nversion: 1\nclasses:\n  a: {positive: [x], negative: [y]}\n  a: "
                       "{positive: [x], negative: [y]}\n"),
              HasSubstr("twice"));
}

}  // namespace
}  // namespace biplane
