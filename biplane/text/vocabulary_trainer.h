#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "biplane/text/vocabulary.h"

namespace biplane {

struct VocabularyTrainerOptions {
  std::int64_t size = 2000;  // tokens wanted, the five special ones among them; at least 32
  std::int64_t min_frequency =
      2;  // a pair seen less often is not merged, so the result may be smaller than `size`
  std::int64_t max_alphabet =
      0;  // most different characters kept (the most frequent); 0: min(1000, size / 3)
  bool lowercase = true;  // as WordPieceOptions

  template <class V>
  void visit(V& v) {
    v.field("size", size);
    v.field("min_frequency", min_frequency);
    v.field("max_alphabet", max_alphabet);
    v.field("lowercase", lowercase);
  }
};

// Trains a WordPiece vocabulary: [PAD] [UNK] [CLS] [SEP] [MASK], the characters in code point order
// (as word starts and as "##" continuations), then the most frequent adjacent pairs merged one by
// one; equal counts go to the pair of lower ids, so the result depends on the texts only, not on
// their order. Throws Error kUsage for bad options, kBadContent where no text holds a word.
Vocabulary train_vocabulary(const std::vector<std::string>& texts,
                            const VocabularyTrainerOptions& options = {});
// The same of texts that are read one by one: `text` gives number 0 .. count-1.
Vocabulary train_vocabulary(std::int64_t count,
                            const std::function<std::string(std::int64_t)>& text,
                            const VocabularyTrainerOptions& options = {});

}  // namespace biplane
