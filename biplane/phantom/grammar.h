#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/phantom/finding.h"

namespace biplane {

// What a sentence says about a prior study: nothing, how something was there, or that nothing at
// all has changed.
enum class Comparison { kNone, kPart, kAll };

// One phrasing of the grammar, with its choices in parentheses and its slots in braces
// (wording.h).
struct Phrase {
  std::string text;
  bool held_out = false;            // never in training reports
  std::uint32_t denies = 0;         // bit of every FindingKind it denies: must be absent
  std::uint32_t needs_absent = 0;   // of every other one that would make it wrong
  std::uint32_t shows = 0;          // bit of every BodySign it mentions: must hold
  std::uint32_t needs_no_sign = 0;  // of every one that would make it wrong
  std::uint32_t about = 0;          // bit of the other thing it speaks of, if any
  Comparison compares = Comparison::kNone;
};

// Sentences that state one finding; each list is not empty where it can be asked for.
struct FindingPhrases {
  std::vector<Phrase> present, uncertain, impression;
  std::vector<Phrase> present_both, uncertain_both,
      impression_both;          // for findings of both sides; else empty
  std::vector<Phrase> changes;  // endings that say how it has changed
};

// Sections that say nothing about findings.
struct SectionPhrases {
  std::vector<std::string> examination, indication, symptom, question;
  std::vector<std::string> without_prior, with_prior;  // COMPARISON
};

// Content of share/phantom/grammar.yaml.
struct Grammar {
  std::array<FindingPhrases, kFindingKinds> findings;
  std::vector<Phrase> fillers, conclusions;
  std::vector<Phrase> stable;  // endings that say that a finding has not changed
  std::array<std::vector<std::string>, 3> sizes, degrees;  // words for each grade
  SectionPhrases sections;
};

inline constexpr int kAboutBits = 15;  // of Phrase::about

// Words of the grammar (<seen>) are already put in. Throws Error kMissingInput, or kBadContent
// naming file, key and value.
Grammar read_grammar(const std::filesystem::path& file);

// The grammar that comes with the program (share/phantom/grammar.yaml), read once.
const Grammar& phantom_grammar();

}  // namespace biplane
