#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// A word of a SplitText: characters [begin, end).
struct SplitWord {
  std::uint32_t begin = 0, end = 0;
  bool punctuation = false;  // one punctuation character, or one CJK character when false
};

// A text after BERT's basic tokenizer: cleaned, normalised and split at blanks and around
// punctuation.
struct SplitText {
  std::string bytes;                      // UTF-8 of all characters of all words, without blanks
  std::vector<std::uint32_t> byte_begin;  // one a character and one at the end
  std::vector<std::int32_t> origin;       // one a character: its code point in the original text
  std::vector<SplitWord> words;

  std::string_view view(std::uint32_t begin, std::uint32_t end) const {
    return std::string_view(bytes).substr(byte_begin[begin], byte_begin[end] - byte_begin[begin]);
  }
  std::string_view view(const SplitWord& word) const { return view(word.begin, word.end); }
};

// `lowercase`: NFD, removal of category Mn and lower-casing of each code point.
// Counts code points from `first_origin`; `next_origin`, if given, receives the number after the
// last one.
SplitText split_words(std::string_view text, bool lowercase, std::int32_t first_origin = 0,
                      std::int32_t* next_origin = nullptr);

}  // namespace biplane
