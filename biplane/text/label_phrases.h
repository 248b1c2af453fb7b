#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "biplane/text/word_split.h"

namespace biplane {

// What a phrase of a label file is for (docs/labels.md).
enum class PhraseRole : std::uint8_t {
  kPresent,  // mentions of a label, to kIgnore
  kAbsent,
  kUncertain,
  kOrgan,
  kIgnore,
  kNegationBefore,  // triggers, to kOrganUncertain
  kNegationAfter,
  kUncertaintyBefore,
  kUncertaintyAfter,
  kAlternative,
  kNoTrigger,
  kOrganNormal,
  kOrganAbnormal,
  kOrganUncertain,
  kBreak,
};
inline constexpr std::size_t kPhraseRoles = 15;

struct PhraseUse {
  PhraseRole role = PhraseRole::kPresent;
  std::int32_t label = -1;  // of a mention
  bool operator==(const PhraseUse&) const = default;
};

// Words [begin, end) of a sentence that match a phrase.
struct PhraseHit {
  std::uint32_t begin = 0, end = 0;
  PhraseUse use;
};

// The words of a sentence as phrases see them: lower-cased, without accents and hyphens; of the
// punctuation , . ; : ? ! / ( ) stay.
class SentenceWords {
 public:
  explicit SentenceWords(std::string_view sentence);
  SentenceWords(const SentenceWords&) = delete;
  SentenceWords& operator=(const SentenceWords&) = delete;

  std::uint32_t size() const { return static_cast<std::uint32_t>(words_.size()); }
  std::string_view operator[](std::uint32_t i) const { return words_[i]; }
  bool punctuation(std::uint32_t i) const { return punctuation_[i] != 0; }
  // Words [begin, end) with a blank between each.
  std::string join(std::uint32_t begin, std::uint32_t end) const;

 private:
  SplitText text_;
  std::vector<std::string_view> words_;
  std::vector<char> punctuation_;
};

// Phrases, all searched for in one pass. A phrase is words with a blank between: `word`, `word*`
// (any word that starts so), `a|b` (either), `a?` (may be missing), `..` (up to three words, none
// of them punctuation, no, not or without).
class PhraseSet {
 public:
  // Throws Error kBadContent with a message that quotes the phrase and says what is wrong.
  void add(const std::string& phrase, PhraseUse use);
  // Every occurrence of every phrase, by begin. Time is linear in the words.
  std::vector<PhraseHit> find(const SentenceWords& words) const;

 private:
  struct Node {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> next;  // atom, node
    std::vector<PhraseUse> uses;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Walk;

  std::uint32_t atom(const std::string& word);
  std::uint32_t child(std::uint32_t node, std::uint32_t atom) const;  // 0: none
  void insert(const std::vector<std::uint32_t>& atoms, PhraseUse use);
  void append_atoms(std::string_view word, std::vector<std::uint32_t>& atoms) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<std::uint32_t> first_;  // atom -> node behind the root, 0: none
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> words_;
  std::array<std::vector<std::pair<std::string, std::uint32_t>>, 256> stems_;  // by first byte
  std::uint32_t atoms_ = 1;                                                    // 0 is the gap
};

}  // namespace biplane
