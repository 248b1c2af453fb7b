#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/phantom/grammar.h"

namespace biplane {

// Measures of a text that a reader could mistake for its content.
struct TextShape {
  double sentences = 0, words = 0, letters = 0, commas = 0;
  // Phrasings that compare with a prior study, and held-out ones; set by who knows.
  double comparisons = 0, held_out = 0;

  static TextShape of(const std::string& sentence);
  TextShape plus(const TextShape& other) const;
  TextShape minus(const TextShape& other) const;
  double distance(const TextShape& other) const;  // sentences are not compared
};

// A phrase with its slots filled.
struct Sentence {
  const Phrase* phrase = nullptr;
  const Phrase* change = nullptr;  // its ending, if any
  std::string text;
  TextShape shape;

  // Bits of what a filler is about: the findings it denies, the signs it mentions, other things.
  std::uint64_t topics() const {
    return phrase->denies | static_cast<std::uint64_t>(phrase->shows) << 32 |
           static_cast<std::uint64_t>(phrase->about) << (64 - kAboutBits);
  }
};

// What a section of a report has to say, and how long it shall be.
struct SectionRequest {
  std::vector<std::vector<Sentence>> statements;  // one of each list must be said
  std::vector<Sentence> fillers;                  // may be said; all true
  std::uint64_t said = 0;  // topics of fillers elsewhere, not to be said again
  TextShape wanted;
};

// Chooses phrasings at random, then exchanges single ones as long as that brings the shape nearer
// to the one wanted. Every filler occurs at most once, and each that has topics has one that
// no other has.
std::vector<Sentence> compose_section(const SectionRequest& request, CounterRandom& random);

}  // namespace biplane
