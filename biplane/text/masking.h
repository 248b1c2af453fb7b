#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/text/lexicon.h"
#include "biplane/text/vocabulary.h"
#include "biplane/text/wordpiece.h"

namespace biplane {

// Semantic-aware masking (method section 3). Probabilities are per word, 0 to 1; a negative one
// means "as other words".
struct MaskingOptions {
  std::string strategy = "semantic";  // or "random": every word with `random_probability`
  double entity = 0.75;
  double other_with_entity = 0.65;     // other words of a report that holds an entity
  double other_without_entity = 0.70;  // words of a report that holds none
  double negation = -1, uncertainty = -1, side = -1, size = -1, place = -1, device = -1;
  double stop_word = -1, punctuation = -1;
  // Of every word with strategy random; negative: in each report as many as semantic would mask
  // there on average, spread evenly over its words (without descriptor_context).
  double random_probability = 0.15;
  bool replace_80_10_10 =
      false;  // masked words: 80 % [MASK], 10 % random tokens, 10 % unchanged; else always [MASK]
  std::int64_t descriptor_context =
      0;  // words before a masked entity that are masked with it (published variant: 2)

  template <class V>
  void visit(V& v) {
    v.field("strategy", strategy);
    v.field("entity", entity);
    v.field("other_with_entity", other_with_entity);
    v.field("other_without_entity", other_without_entity);
    v.field("negation", negation);
    v.field("uncertainty", uncertainty);
    v.field("side", side);
    v.field("size", size);
    v.field("place", place);
    v.field("device", device);
    v.field("stop_word", stop_word);
    v.field("punctuation", punctuation);
    v.field("random_probability", random_probability);
    v.field("replace_80_10_10", replace_80_10_10);
    v.field("descriptor_context", descriptor_context);
  }
};

// Throws Error kUsage naming the field (with `prefix` before it, for example "masking.") that is
// out of range.
void check_masking_options(const MaskingOptions& options, const std::string& prefix = "masking.");

struct MaskedReport {
  std::vector<std::int64_t> masked_ids;  // the encoding's ids with words replaced
  std::vector<std::int64_t> labels;      // the original id at masked places, -100 elsewhere
};

// Masks words of a report. All pieces of a word (WordAnnotation::word_ids) are masked together;
// tokens whose id is special
// ([CLS], [SEP], [UNK], ...) never are; at least one word is, unless the report has none that may
// be. A pure function of its arguments: give each study and epoch its own `random`.
MaskedReport mask_report(const Encoding& encoding, const WordAnnotation& words,
                         const Vocabulary& vocabulary, const MaskingOptions& options,
                         CounterRandom random);

}  // namespace biplane
