#include "biplane/text/vocabulary.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kTokens = {"[PAD]",  "[UNK]", "[CLS]", "[SEP]",
                                          "[MASK]", "lung",  "##s"};

TEST(Vocabulary, WritesAndReadsBackTheSameTokens) {
  const testing::TemporaryFolder folder;
  Vocabulary::from_tokens(kTokens).write(folder / "vocab.txt");
  const Vocabulary read = Vocabulary::read(folder / "vocab.txt");
  ASSERT_EQ(read.size(), 7);
  for (std::int64_t id = 0; id < 7; ++id)
    EXPECT_EQ(read.token(id), kTokens[static_cast<std::size_t>(id)]);
  EXPECT_EQ(read.id("##s"), 6);
  EXPECT_EQ(read.mask_id(), 4);
}

TEST(Vocabulary, UnknownTokensHaveTheIdOfUnk) {
  const Vocabulary vocabulary = Vocabulary::from_tokens(kTokens);
  EXPECT_EQ(vocabulary.id("heart"), vocabulary.unk_id());
  EXPECT_FALSE(vocabulary.find("heart").has_value());
  EXPECT_THROW(vocabulary.token(7), Error);
  EXPECT_THROW(vocabulary.token(-1), Error);
}

TEST(Vocabulary, CopiesOutliveTheOriginal) {
  auto original = std::make_unique<Vocabulary>(Vocabulary::from_tokens(kTokens));
  const Vocabulary copy = *original;
  original.reset();
  EXPECT_EQ(copy.id("lung"), 5);
}

TEST(Vocabulary, AcceptsWindowsLineEndsAndNoLastNewline) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nlung");
  const Vocabulary vocabulary = Vocabulary::read(folder / "vocab.txt");
  EXPECT_EQ(vocabulary.size(), 6);
  EXPECT_EQ(vocabulary.token(5), "lung");
}

TEST(Vocabulary, AMissingSpecialTokenNamesFileAndToken) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nlung\n");
  try {
    Vocabulary::read(folder / "vocab.txt");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), HasSubstr("vocab.txt"));
    EXPECT_THAT(error.what(), HasSubstr("[MASK]"));
  }
}

}  // namespace
}  // namespace biplane
