#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace biplane {

constexpr char32_t kReplacementCharacter = 0xFFFD;

// Decodes one code point of `text` at `position` (which must be inside) and moves `position` behind
// it. A byte that is no part of valid UTF-8 (also of an encoded surrogate or an overlong form) is
// U+FFFD and counts as one.
char32_t next_code_point(std::string_view text, std::size_t& position);

// All code points of `text`, bad bytes as U+FFFD.
std::vector<char32_t> decode_utf8(std::string_view text);

void append_utf8(std::string& text, char32_t code);

// What BERT's basic tokenizer does with a code point before words are split.
enum class CharacterKind { kKept, kRemoved, kBlank, kCjk };
CharacterKind character_kind(char32_t code);

// Punctuation is a word of its own: all ASCII symbols and the Unicode categories P*.
bool is_punctuation(char32_t code);

bool is_combining_mark(char32_t code);  // category Mn: what accent stripping removes
int combining_class(char32_t code);     // 0 for most characters
char32_t lower_case(char32_t code);

// Appends the canonical decomposition (NFD) of one code point.
void append_decomposition(std::vector<char32_t>& result, char32_t code);

// Every code point lower-cased; bad bytes become U+FFFD.
std::string lower_case(std::string_view text);

}  // namespace biplane
