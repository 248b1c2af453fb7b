// WordPiece on arbitrary bytes, in both spellings of special tokens.
//
// Guards: biplane/text/wordpiece.cpp biplane/text/word_split.cpp biplane/text/unicode.cpp
#include "biplane/text/wordpiece.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {

std::vector<std::string> seeds() {
  return {"No pneumothorax. [MASK] effusion",
          "\xC3\x89panchement pleural \xE8\x82\xBA caf\xC3\xA9 e\xCC\x81",
          "\xFF\xC0\x80\xED\xA0\x80\xF4\x90\x80\x80 ##ing"};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  static const Vocabulary vocabulary = [] {
    std::vector<std::string> entries = {"[PAD]",  "[UNK]", "[CLS]",  "[SEP]",
                                        "[MASK]", "no",    "pneumo", "##thorax"};
    for (char c = 'a'; c <= 'z'; ++c) {
      entries.emplace_back(1, c);
      entries.push_back(std::string("##") + c);
    }
    return Vocabulary::from_tokens(entries);
  }();
  if (size == 0) return;
  WordPieceOptions options;
  options.lowercase = (data[0] & 1) != 0;
  options.literal_special_tokens = (data[0] & 2) != 0;
  const WordPieceTokenizer tokenizer(vocabulary, options);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Encoding encoding = tokenizer.encode(text, (data[0] & 4) != 0 ? 16 : 0);
  if (encoding.ids.size() < 2 || encoding.offsets.size() != encoding.ids.size()) __builtin_trap();
  for (const auto& [begin, end] : encoding.offsets)
    if (begin < 0 || end < begin || static_cast<std::size_t>(end) > text.size()) __builtin_trap();
}

}  // namespace biplane::fuzz
