#pragma once

#include <string>

#include "biplane/text/lexicon.h"

namespace biplane::testing {

// The lexicon of the source tree (ctest runs in the repository root).
inline Lexicon source_lexicon() { return Lexicon::read("share/lexicon/en.yaml"); }

// A vocabulary of the special tokens and the characters a-z, also as continuations: every
// lower-case word is spelled.
inline Vocabulary letter_vocabulary() {
  std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
                                     ".",     ",",     "-",     "'"};
  for (char c = 'a'; c <= 'z'; ++c) {
    tokens.push_back(std::string(1, c));
    tokens.push_back("##" + std::string(1, c));
  }
  return Vocabulary::from_tokens(std::move(tokens));
}

}  // namespace biplane::testing
