#include "biplane/text/wordpiece.h"

#include <gmock/gmock.h>

#include <thread>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

Vocabulary small_vocabulary() {
  return Vocabulary::from_tokens({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "ate",
                                  "##lect", "##asis", ".", "cafe", "a", "##b", "[", "]", "mask"});
}

std::vector<std::string> pieces(const WordPieceTokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> result;
  for (const std::int64_t id : tokenizer.encode(text).ids)
    result.push_back(tokenizer.vocabulary().token(id));
  return result;
}

TEST(WordPiece, TakesTheLongestPieces) {
  const WordPieceTokenizer tokenizer(small_vocabulary());
  EXPECT_THAT(pieces(tokenizer, "No atelectasis."),
              ElementsAre("[CLS]", "no", "ate", "##lect", "##asis", ".", "[SEP]"));
  EXPECT_THAT(tokenizer.encode("No atelectasis.").word_ids, ElementsAre(-1, 0, 1, 1, 1, 2, -1));
}

TEST(WordPiece, AWordThatCannotBeSpelledIsOneUnknownToken) {
  const WordPieceTokenizer tokenizer(small_vocabulary());
  EXPECT_THAT(pieces(tokenizer, "atelectatic no"), ElementsAre("[CLS]", "[UNK]", "no", "[SEP]"));
}

TEST(WordPiece, OffsetsCountCodePointsOfTheOriginalText) {
  const WordPieceTokenizer tokenizer(small_vocabulary());
  const Encoding encoding = tokenizer.encode("\u00e9 caf\u00e9 no");
  EXPECT_THAT(encoding.offsets,
              ElementsAre(Pair(0, 0), Pair(0, 1), Pair(2, 6), Pair(7, 9), Pair(0, 0)));
}

TEST(WordPiece, LiteralSpecialTokensAreDataUnlessAskedFor) {
  EXPECT_THAT(pieces(WordPieceTokenizer(small_vocabulary()), "no [MASK]"),
              ElementsAre("[CLS]", "no", "[", "mask", "]", "[SEP]"));
  const WordPieceTokenizer literal(small_vocabulary(), {.literal_special_tokens = true});
  EXPECT_THAT(pieces(literal, "no [MASK]"), ElementsAre("[CLS]", "no", "[MASK]", "[SEP]"));
}

TEST(WordPiece, CutsToTheGivenLengthAndKeepsSep) {
  const WordPieceTokenizer tokenizer(small_vocabulary());
  const Encoding encoding = tokenizer.encode("no no no no", 4);
  EXPECT_THAT(encoding.ids, ElementsAre(2, 5, 5, 3));
  EXPECT_THAT(encoding.special, ElementsAre(1, 0, 0, 1));
  EXPECT_EQ(tokenizer.encode("no no", 4).size(), 4u);
  EXPECT_THROW(tokenizer.encode("no", 1), Error);
  EXPECT_THROW(tokenizer.encode("no", -3), Error);
}

TEST(WordPiece, AnEmptyTextIsTwoTokens) {
  EXPECT_THAT(WordPieceTokenizer(small_vocabulary()).encode("").ids, ElementsAre(2, 3));
}

TEST(WordPiece, EachBadByteIsOneRemovedCodePoint) {
  const WordPieceTokenizer tokenizer(small_vocabulary());
  // A lone continuation, an overlong form, a surrogate, a cut sequence: 1 + 2 + 3 + 2 bad bytes.
  const Encoding encoding = tokenizer.encode("no\x80\xC0\xAF\xED\xA0\x80\xE2\x82 no");
  EXPECT_THAT(encoding.ids, ElementsAre(2, 5, 5, 3));
  EXPECT_THAT(encoding.offsets[2], Pair(11, 13));
}

TEST(WordPiece, AnyBytesGiveConsistentTokens) {
  const WordPieceTokenizer tokenizer(small_vocabulary(),
                                     {.lowercase = true, .literal_special_tokens = true});
  CounterRandom random(7, "bytes");
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const std::int64_t length = random.below(40);
    for (std::int64_t i = 0; i < length; ++i) text += static_cast<char>(random.below(256));
    const Encoding encoding = tokenizer.encode(text, 16);
    const auto codes = static_cast<std::int32_t>(decode_utf8(text).size());
    ASSERT_LE(encoding.size(), 16u);
    for (std::size_t i = 1; i + 1 < encoding.size(); ++i) {
      ASSERT_LT(encoding.offsets[i].first, encoding.offsets[i].second);
      ASSERT_LE(encoding.offsets[i].second, codes);
      ASSERT_GE(encoding.word_ids[i], encoding.word_ids[i - 1]);
    }
  }
}

TEST(WordPiece, ManyThreadsMayShareOneTokenizer) {
  const WordPieceTokenizer tokenizer(small_vocabulary());
  const std::vector<std::int64_t> expected = tokenizer.encode("No atelectasis.").ids;
  std::vector<std::vector<std::int64_t>> seen(4);
  std::vector<std::thread> threads;
  for (auto& result : seen) {
    threads.emplace_back([&tokenizer, &result] {
      for (int i = 0; i < 200; ++i) result = tokenizer.encode("No atelectasis.").ids;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : seen) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace biplane
