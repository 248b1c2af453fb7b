#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/phantom/finding.h"

namespace biplane {

// One sentence of the grammar, with its slots in braces.
struct Phrase {
  std::string text;
  bool held_out = false;            // never in training reports
  std::uint32_t denies = 0;         // bit of every FindingKind it denies: must be absent
  std::uint32_t needs_absent = 0;   // of every other one that would make it wrong
  std::uint32_t shows = 0;          // bit of every BodySign it mentions: must hold
  std::uint32_t needs_no_sign = 0;  // of every one that would make it wrong
};

// Sentences that state one finding; each list is not empty where it can be asked for.
struct FindingPhrases {
  std::vector<Phrase> present, uncertain, impression;
  std::vector<Phrase> present_both, uncertain_both,
      impression_both;  // for findings of both sides; else empty
};

// Content of share/phantom/grammar.yaml.
struct Grammar {
  std::array<FindingPhrases, kFindingKinds> findings;
  std::vector<Phrase> fillers, conclusions;
  std::vector<std::string> examination, indication, comparison;
};

inline std::uint32_t finding_bit(FindingKind kind) { return 1U << static_cast<unsigned>(kind); }

// Throws Error kMissingInput, or kBadContent naming file, key and value.
Grammar read_grammar(const std::filesystem::path& file);

// The grammar that comes with the program (share/phantom/grammar.yaml), read once.
const Grammar& phantom_grammar();

}  // namespace biplane
