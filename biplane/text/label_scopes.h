#pragma once

#include <cstdint>
#include <vector>

#include "biplane/text/label_rules.h"

namespace biplane {

// A mention of a label in one sentence and what the words around it make of it.
struct ScopedMention {
  PhraseHit mention;
  int value = 1;                                     // 1 present, 0 absent, -1 uncertain
  std::uint32_t trigger_begin = 0, trigger_end = 0;  // words that decided; equal: none did
};

// The mentions of a sentence, by label and then by place. Time is that of sorting the hits.
std::vector<ScopedMention> scoped_mentions(const SentenceWords& words, const LabelRules& rules);

}  // namespace biplane
