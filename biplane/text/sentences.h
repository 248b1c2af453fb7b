#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "biplane/text/lexicon.h"
#include "biplane/text/wordpiece.h"

namespace biplane {

// The sentences of a report (text/report.h says where one ends), one entry a token of the Encoding.
// Keys are hashes of the lower-cased words without punctuation, as far as the tokens reach: equal
// word sequences have equal keys.
struct SentenceAnnotation {
  std::vector<std::int32_t>
      sentence_ids;  // 0, 1, ... in the order of the text; -1 for [CLS], [SEP]
  std::vector<std::int64_t> sentence_key;  // of the token's sentence; 0 for [CLS], [SEP]
  std::int64_t report_key = 0;             // of all words of the report
};

// `encoding` and `words` must come from this very `text`. Never throws on any bytes.
SentenceAnnotation annotate_sentences(std::string_view text, const Encoding& encoding,
                                      const WordAnnotation& words);

}  // namespace biplane
