#include "biplane/text/vocabulary_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/text/unicode.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

constexpr std::int64_t kSmallestVocabulary = 32;
constexpr std::int64_t kLongestWord = 100;  // characters; the tokenizer reads longer words as [UNK]

using Symbol = std::int32_t;  // a token id
using Pair = std::pair<Symbol, Symbol>;

struct PairHash {
  std::size_t operator()(const Pair& pair) const {
    const auto joined = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.first)) << 32) |
                        static_cast<std::uint32_t>(pair.second);
    return static_cast<std::size_t>((joined * 0x9E3779B97F4A7C15ULL) >> 16);
  }
};

struct Word {
  std::vector<Symbol> symbols;
  std::int64_t count = 0;
};

// Ordered by text, so that nothing below depends on the order of the texts.
using WordCounts = std::map<std::string, std::int64_t>;

WordCounts count_words(std::int64_t texts, const std::function<std::string(std::int64_t)>& text,
                       bool lowercase) {
  std::unordered_map<std::string, std::int64_t> counts;
  for (std::int64_t i = 0; i < texts; ++i) {
    const SplitText split = split_words(text(i), lowercase);
    for (const SplitWord& word : split.words) {
      if (word.end - word.begin <= kLongestWord) ++counts[std::string(split.view(word))];
    }
  }
  return WordCounts(counts.begin(), counts.end());
}

// The most frequent characters, equal counts by code point.
std::set<char32_t> choose_alphabet(const WordCounts& words, std::size_t limit) {
  std::map<char32_t, std::int64_t> counts;
  for (const auto& [word, count] : words) {
    for (const char32_t code : decode_utf8(word)) counts[code] += count;
  }
  std::vector<std::pair<char32_t, std::int64_t>> ranked(counts.begin(), counts.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (ranked.size() > limit) ranked.resize(limit);
  std::set<char32_t> alphabet;
  for (const auto& [code, count] : ranked) alphabet.insert(code);
  return alphabet;
}

// Merges the most frequent pair again and again. Counts are kept up to date where a merge changes
// words; the queue may hold outdated counts, which are noticed when they come to the top.
class PairMerger {
 public:
  PairMerger(std::vector<std::string> tokens, std::vector<Word> words, std::int64_t min_frequency)
      : tokens_(std::move(tokens)), words_(std::move(words)), min_frequency_(min_frequency) {
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      ids_.emplace(tokens_[i], static_cast<Symbol>(i));
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::vector<Symbol>& symbols = words_[i].symbols;
      for (std::size_t k = 0; k + 1 < symbols.size(); ++k)
        change({symbols[k], symbols[k + 1]}, words_[i].count, i);
    }
    for (const auto& [pair, state] : pairs_) enqueue(pair, state.count);
    touched_.clear();
  }

  std::vector<std::string> run(std::size_t size) {
    while (tokens_.size() < size && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end() || found->second.count != best.count) continue;
      merge(best.pair);
    }
    return std::move(tokens_);
  }

 private:
  struct State {
    std::int64_t count = 0;
    std::unordered_set<std::size_t> words;  // those that hold the pair, or held it once
  };
  struct Candidate {
    std::int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void enqueue(const Pair& pair, std::int64_t count) {
    if (count >= std::max<std::int64_t>(min_frequency_, 1)) queue_.push({count, pair});
  }

  void change(const Pair& pair, std::int64_t by, std::size_t word) {
    State& state = pairs_[pair];
    state.count += by;
    if (by > 0) state.words.insert(word);
    touched_.insert(pair);
  }

  Symbol merged_token(const Pair& pair) {
    const std::string_view second = tokens_[static_cast<std::size_t>(pair.second)];
    std::string text = tokens_[static_cast<std::size_t>(pair.first)] +
                       std::string(second.substr(2));  // without "##"
    const auto [found, added] = ids_.emplace(std::move(text), static_cast<Symbol>(tokens_.size()));
    if (added) tokens_.push_back(found->first);
    return found->second;
  }

  void merge(const Pair pair) {
    const Symbol merged = merged_token(pair);
    const std::unordered_set<std::size_t> affected = std::move(pairs_[pair].words);
    pairs_.erase(pair);
    for (const std::size_t index : affected) merge_in_word(index, pair, merged);
    for (const Pair& changed : touched_) {
      const auto found = pairs_.find(changed);
      if (found == pairs_.end()) continue;
      if (found->second.count <= 0) {
        pairs_.erase(found);
      } else {
        enqueue(changed, found->second.count);
      }
    }
    touched_.clear();
  }

  void merge_in_word(std::size_t index, const Pair& pair, Symbol merged) {
    Word& word = words_[index];
    std::vector<Symbol>& symbols = word.symbols;
    for (std::size_t k = 0; k + 1 < symbols.size(); ++k) {
      if (symbols[k] != pair.first || symbols[k + 1] != pair.second) continue;
      if (k > 0) {
        forget({symbols[k - 1], pair.first}, word.count, index);
        change({symbols[k - 1], merged}, word.count, index);
      }
      if (k + 2 < symbols.size()) {
        forget({pair.second, symbols[k + 2]}, word.count, index);
        change({merged, symbols[k + 2]}, word.count, index);
      }
      symbols[k] = merged;
      symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(k) + 1);
    }
  }

  // Lowers a count; the merged pair itself (as in "aaa") is gone already and must not come back.
  void forget(const Pair& pair, std::int64_t count, std::size_t word) {
    if (pairs_.count(pair) > 0) change(pair, -count, word);
  }

  std::vector<std::string> tokens_;
  std::unordered_map<std::string, Symbol> ids_;
  std::vector<Word> words_;
  std::int64_t min_frequency_;
  std::unordered_map<Pair, State, PairHash> pairs_;
  std::set<Pair> touched_;
  std::priority_queue<Candidate> queue_;
};

void check_options(const VocabularyTrainerOptions& options) {
  const auto fail = [](const std::string& field, std::int64_t value, const std::string& rule) {
    throw Error(ErrorKind::kUsage,
                "vocabulary " + field + " = " + std::to_string(value) + ": " + rule);
  };
  if (options.size < kSmallestVocabulary || options.size > 1'000'000) {
    fail("size", options.size, "must be " + std::to_string(kSmallestVocabulary) + " to 1000000");
  }
  if (options.min_frequency < 1) fail("min_frequency", options.min_frequency, "must be at least 1");
  if (options.max_alphabet < 0 || 2 * options.max_alphabet + 5 > options.size) {
    fail("max_alphabet", options.max_alphabet, "must be 0 or at most (size - 5) / 2");
  }
}

// First tokens: the special ones, every character as the start of a word, and all but punctuation
// as "##" inside words: no word made of the alphabet is ever [UNK].
struct Start {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  std::vector<Word> words;
};

Start make_start(const WordCounts& counts, const std::set<char32_t>& alphabet) {
  Start start;
  std::map<char32_t, Symbol> first_id, inner_id;
  const auto add = [&](char32_t code, const std::string& prefix, std::map<char32_t, Symbol>& ids) {
    ids[code] = static_cast<Symbol>(start.tokens.size());
    start.tokens.push_back(prefix);
    append_utf8(start.tokens.back(), code);
  };
  for (const char32_t code : alphabet) add(code, "", first_id);
  for (const char32_t code : alphabet) {
    if (!is_punctuation(code)) add(code, "##", inner_id);
  }
  for (const auto& [text, count] : counts) {
    const std::vector<char32_t> codes = decode_utf8(text);
    if (!std::all_of(codes.begin(), codes.end(),
                     [&](char32_t code) { return alphabet.count(code) > 0; }))
      continue;
    Word word{{first_id.at(codes.front())}, count};
    for (std::size_t i = 1; i < codes.size(); ++i) word.symbols.push_back(inner_id.at(codes[i]));
    start.words.push_back(std::move(word));
  }
  return start;
}

}  // namespace

Vocabulary train_vocabulary(const std::vector<std::string>& texts,
                            const VocabularyTrainerOptions& options) {
  return train_vocabulary(
      static_cast<std::int64_t>(texts.size()),
      [&texts](std::int64_t i) { return texts[static_cast<std::size_t>(i)]; }, options);
}

Vocabulary train_vocabulary(std::int64_t count,
                            const std::function<std::string(std::int64_t)>& text,
                            const VocabularyTrainerOptions& options) {
  check_options(options);
  const WordCounts counts = count_words(count, text, options.lowercase);
  if (counts.empty()) {
    throw Error(ErrorKind::kBadContent, "no vocabulary can be trained: none of the " +
                                            std::to_string(count) + " texts holds a word");
  }
  constexpr std::int64_t kUsualAlphabet = 1000;
  const std::int64_t limit =
      options.max_alphabet > 0 ? options.max_alphabet : std::min(kUsualAlphabet, options.size / 3);
  Start start = make_start(counts, choose_alphabet(counts, static_cast<std::size_t>(limit)));
  PairMerger merger(std::move(start.tokens), std::move(start.words), options.min_frequency);
  return Vocabulary::from_tokens(merger.run(static_cast<std::size_t>(options.size)),
                                 "trained vocabulary");
}

}  // namespace biplane
