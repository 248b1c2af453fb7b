#include "biplane/text/vocabulary_trainer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/text/wordpiece.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> tokens(const Vocabulary& vocabulary) {
  std::vector<std::string> result;
  for (std::int64_t id = 0; id < vocabulary.size(); ++id) result.push_back(vocabulary.token(id));
  return result;
}

TEST(VocabularyTrainer, MergesTheMostFrequentPairFirst) {
  // Pairs: (a,##b) 5 times, (##b,##c) 3, then (ab,##c) 3; one word occurs once only.
  const Vocabulary vocabulary = train_vocabulary({"ab ab abc abc", "abc d"}, {.size = 32});
  EXPECT_THAT(tokens(vocabulary),
              ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "##a",
                          "##b", "##c", "##d", "ab", "abc"));
}

TEST(VocabularyTrainer, EqualCountsGoToTheLowerPair) {
  const Vocabulary vocabulary = train_vocabulary({"xy xy", "ab ab"}, {.size = 32});
  EXPECT_LT(*vocabulary.find("ab"), *vocabulary.find("xy"));
}

TEST(VocabularyTrainer, OverlappingPairsAreCountedRight) {
  // "aaaa" merges (##a,##a) once a word: a ##aa ##a, then all of it.
  const Vocabulary vocabulary = train_vocabulary({"aaaa aaaa aaaa"}, {.size = 32});
  const WordPieceTokenizer tokenizer(vocabulary);
  EXPECT_EQ(tokenizer.encode("aaaa").size(), 3u);
  const std::vector<std::string> all = tokens(vocabulary);
  EXPECT_EQ(std::count(all.begin(), all.end(), "aaaa"), 1);
}

// The same training with all pairs counted anew in every step.
std::vector<std::string> slow_training(const std::vector<std::string>& words, std::size_t size,
                                       Vocabulary start) {
  std::vector<std::string> result = tokens(start);
  std::vector<std::vector<std::string>> split;
  for (const std::string& word : words) {
    split.emplace_back();
    for (std::size_t i = 0; i < word.size(); ++i)
      split.back().push_back((i > 0 ? "##" : "") + std::string(1, word[i]));
  }
  while (result.size() < size) {
    std::map<std::pair<std::size_t, std::size_t>, int> counts;
    const auto id = [&](const std::string& t) {
      return static_cast<std::size_t>(std::find(result.begin(), result.end(), t) - result.begin());
    };
    for (const auto& word : split) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) ++counts[{id(word[i]), id(word[i + 1])}];
    }
    const auto best =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == counts.end() || best->second < 2) break;
    const std::string left = result[best->first.first], right = result[best->first.second];
    const std::string merged = left + right.substr(2);
    if (std::find(result.begin(), result.end(), merged) == result.end()) result.push_back(merged);
    for (auto& word : split) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        word[i] = merged;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
  }
  return result;
}

TEST(VocabularyTrainer, IncrementalCountsEqualCountingAnew) {
  CounterRandom random(3, "words");
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> words;
    std::string text;
    for (int i = 0; i < 60; ++i) {
      std::string word;
      const std::int64_t length = 1 + random.below(8);
      for (std::int64_t k = 0; k < length; ++k) word += static_cast<char>('a' + random.below(3));
      words.push_back(word);
      text += word + " ";
    }
    const Vocabulary start = train_vocabulary({text}, {.size = 100, .min_frequency = 1'000'000});
    EXPECT_EQ(tokens(train_vocabulary({text}, {.size = 100})), slow_training(words, 100, start));
  }
}

TEST(VocabularyTrainer, TheOrderOfTheTextsDoesNotMatter) {
  std::vector<std::string> texts = {"no pleural effusion", "small left effusion",
                                    "no pneumothorax, no effusion", "pleural line"};
  const std::vector<std::string> first = tokens(train_vocabulary(texts, {.size = 60}));
  std::reverse(texts.begin(), texts.end());
  EXPECT_EQ(tokens(train_vocabulary(texts, {.size = 60})), first);
}

TEST(VocabularyTrainer, EveryWordOfTheAlphabetCanBeSpelled) {
  const Vocabulary vocabulary = train_vocabulary({"lung heart", "aorta."}, {.size = 60});
  const Encoding encoding = WordPieceTokenizer(vocabulary).encode("guerno.");
  EXPECT_THAT(encoding.ids, ::testing::Not(::testing::Contains(vocabulary.unk_id())));
}

TEST(VocabularyTrainer, RareCharactersAreLeftOutOfASmallAlphabet) {
  const Vocabulary vocabulary =
      train_vocabulary({"aaa aaa bbb bbb ccc ddd ddd"}, {.size = 60, .max_alphabet = 3});
  EXPECT_TRUE(vocabulary.find("d").has_value());
  EXPECT_FALSE(vocabulary.find("c").has_value());
}

TEST(VocabularyTrainer, BadOptionsAndEmptyTextsAreErrors) {
  EXPECT_THROW(train_vocabulary({"a"}, {.size = 10}), Error);
  EXPECT_THROW(train_vocabulary({"a"}, {.min_frequency = 0}), Error);
  EXPECT_THROW(train_vocabulary({"a"}, {.size = 100, .max_alphabet = 90}), Error);
  EXPECT_THROW(train_vocabulary({"", "  "}, {}), Error);
}

}  // namespace
}  // namespace biplane
