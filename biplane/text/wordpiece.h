#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "biplane/text/vocabulary.h"

namespace biplane {

struct WordPieceOptions {
  bool lowercase = true;  // lower-case and strip accents (NFD, category Mn)
  // Literal "[MASK]" and the other four in a text become special tokens, as the reference tokenizer
  // does. Off for reports: their text is data (method section 9).
  bool literal_special_tokens = false;
  std::int64_t max_word_characters = 100;  // longer words are one [UNK]

  template <class V>
  void visit(V& v) {
    v.field("lowercase", lowercase);
    v.field("literal_special_tokens", literal_special_tokens);
    v.field("max_word_characters", max_word_characters);
  }
};

// A tokenised text; all vectors have one entry a token, [CLS] first and [SEP] last.
struct Encoding {
  std::vector<std::int64_t> ids;
  // Start and end of the token in code points of the ORIGINAL text (a byte that is not valid UTF-8
  // counts as one); (0, 0) for [CLS] and [SEP].
  std::vector<std::pair<std::int32_t, std::int32_t>> offsets;
  std::vector<std::int32_t>
      word_ids;  // index of the word after splitting at blanks and punctuation; -1 for [CLS], [SEP]
  std::vector<std::uint8_t> special;  // 1 for the added [CLS] and [SEP]

  std::size_t size() const { return ids.size(); }
};

// BERT WordPiece, identical to the reference implementation (data section 3): cleaning, blanks
// around CJK characters, optional lower-casing with accent stripping, splitting at blanks and
// punctuation, greedy longest match with "##" continuations, [UNK] for words that cannot be
// spelled. Any bytes are accepted: a byte that is no part of valid UTF-8 is read as U+FFFD, which
// cleaning removes. Const members are safe to call from many threads.
class WordPieceTokenizer {
 public:
  WordPieceTokenizer(Vocabulary vocabulary, WordPieceOptions options = {});

  // `max_length`: longest result in tokens with [CLS] and [SEP] (the first max_length - 1 and [SEP]
  // are kept); 0: no cut. Throws Error kUsage for a max_length of 1 or below 0.
  Encoding encode(std::string_view text, std::int64_t max_length = 0) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const WordPieceOptions& options() const { return options_; }

 private:
  struct Pieces;
  Vocabulary vocabulary_;
  WordPieceOptions options_;
  std::shared_ptr<const Pieces> pieces_;
};

}  // namespace biplane
