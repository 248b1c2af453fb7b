#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/study.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/grammar.h"
#include "biplane/phantom/wording.h"

namespace biplane {

// What the writer of a report is told about one finding.
enum class Visibility { kHidden, kDoubtful, kPlain };  // in the better of the two views

struct NarrativeInput {
  std::vector<Finding> findings;       // all that are present
  std::vector<Visibility> visibility;  // of each
  std::uint32_t signs = 0;             // of the body, see body_signs
  bool female = false;
  double age = 50;                  // years
  bool held_out_phrasings = false;  // may use phrasings that training reports never do
};

// How a report speaks of a finding: not at all, that it is absent, with doubt ("may represent"), or
// as present.
enum class Mention { kNone, kDenied, kUncertain, kStated };
const char* mention_name(Mention mention);  // "none", "denied", "uncertain", "stated"

// One sentence of findings or impression as it was written.
struct NarratedSentence {
  const Phrase* phrase = nullptr;
  std::string text;
};

struct Narrative {
  Report report;  // `other`: examination, indication and comparison
  std::array<Mention, kFindingKinds> said{};
  std::vector<const Phrase*> phrases;       // used, in order
  std::vector<NarratedSentence> sentences;  // in order; report.text is these
};

// Writes a report: every finding that is not hidden is stated, with side, size or place; doubtful
// ones, and some of the others, with uncertainty. Whether there is a prior study is drawn; if so,
// some sentences compare with it, else none does. The numbers of sentences, words and comparisons
// are drawn first and reached with sentences that hold for this body (denials of absent findings,
// remarks without a finding), so that a report's shape says nothing about what it finds. A finding
// that is present but hidden in both views is neither stated nor denied. The reader always had both
// views: one that a study lacks is missing from the data, not from the examination. So a report
// cannot tell which views exist, or that would be the easiest thing for a contrast to learn. Pure
// function of its arguments.
Narrative write_narrative(const NarrativeInput& input, const Grammar& grammar, std::uint64_t seed,
                          std::uint64_t study);

// What fills the slots of a phrasing for this finding.
SlotWords slot_words(const Finding& finding, const Grammar& grammar);

// Part of the spine that a vertebral fracture lies in: "mid thoracic" (T8, T9) or "lower thoracic"
// (T10, T11).
std::string vertebra_level(const Finding& finding);

// The lobe that a consolidation, nodule or mass lies in ("right upper lobe", "lingula"); empty
// where its zone does not tell.
std::string lobe_name(const Finding& finding);

}  // namespace biplane
