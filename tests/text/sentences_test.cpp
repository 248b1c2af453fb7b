#include "biplane/text/sentences.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/text/test_lexicon.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using testing::letter_vocabulary;
using testing::source_lexicon;

SentenceAnnotation annotate(const std::string& text, std::int64_t max_length = 0) {
  const WordPieceTokenizer tokenizer(letter_vocabulary());
  const Encoding encoding = tokenizer.encode(text, max_length);
  return annotate_sentences(text, encoding, source_lexicon().annotate(text, encoding));
}

TEST(Sentences, EveryTokenBelongsToTheSentenceItStandsIn) {
  // [CLS] n o . | a b c - d , e . | f [SEP]; the stop in "3.5" is no end.
  EXPECT_THAT(annotate("no. ab c.d e. f").sentence_ids,
              ElementsAre(-1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, -1));
  EXPECT_THAT(annotate("ab").sentence_ids, ElementsAre(-1, 0, 0, -1));
  EXPECT_THAT(annotate("").sentence_ids, ElementsAre(-1, -1));
}

TEST(Sentences, CharactersOfSeveralBytesAndBadBytesShiftNothing) {
  EXPECT_THAT(annotate("a\xC3\xA9\xE2\x80\x94. b").sentence_ids,
              ElementsAre(-1, 0, 0, 0, 0, 1, -1));
  EXPECT_THAT(annotate("a\xFF\xFE. b").sentence_ids, ElementsAre(-1, 0, 0, 1, -1));
}

TEST(Sentences, SentencesOfTheSameWordsHaveTheSameKey) {
  const SentenceAnnotation one = annotate("No effusion. Clear lungs. no, EFFUSION!");
  std::vector<std::int64_t> keys;
  for (std::size_t i = 0; i < one.sentence_ids.size(); ++i) {
    if (i == 0 || one.sentence_ids[i] != one.sentence_ids[i - 1])
      keys.push_back(one.sentence_key[i]);
  }
  ASSERT_EQ(keys.size(), 5u);  // [CLS], three sentences, [SEP]
  EXPECT_EQ(keys[0], 0);
  EXPECT_EQ(keys[1], keys[3]);
  EXPECT_NE(keys[1], keys[2]);
  EXPECT_EQ(annotate("An edema. Clear lungs.").sentence_key.back(), 0);
  EXPECT_EQ(annotate("An edema. Clear lungs.").sentence_key[15], keys[2]);
}

TEST(Sentences, ReportsOfTheSameWordsHaveTheSameKey) {
  const std::int64_t key = annotate("No effusion. Clear lungs.").report_key;
  EXPECT_EQ(annotate("no effusion, clear lungs").report_key, key);
  std::set<std::int64_t> others = {key};
  for (const char* text : {"No effusion. Clear lung.", "Clear lungs. No effusion.", "No effusion.",
                           "Noeffusion. Clear lungs.", ""}) {
    EXPECT_TRUE(others.insert(annotate(text).report_key).second) << text;
  }
}

TEST(Sentences, KeysReachAsFarAsTheTokens) {
  EXPECT_EQ(annotate("ab cd ef", 6).report_key, annotate("ab cd gh", 6).report_key);
  EXPECT_NE(annotate("ab cd ef", 8).report_key, annotate("ab cd gh", 8).report_key);
}

}  // namespace
}  // namespace biplane
