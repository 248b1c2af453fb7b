#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/phantom/narrative.h"
#include "biplane/phantom/signs.h"

namespace biplane::testing {

// What the writer of a phantom study's report is told; a tenth of the findings is hidden.
inline NarrativeInput input_for(std::uint64_t study, bool held_out = false) {
  NarrativeInput input;
  input.findings = draw_findings(4, study);
  input.held_out_phrasings = held_out;
  const Patient patient = draw_patient(4, study);
  input.signs = body_signs(patient, draw_acquisition(4, study));
  input.female = patient.female;
  input.age = patient.age;
  CounterRandom random(4, "test/visibility", {study});
  for (std::size_t i = 0; i < input.findings.size(); ++i)
    input.visibility.push_back(random.bernoulli(0.1) ? Visibility::kHidden : Visibility::kPlain);
  return input;
}

inline Narrative write(const NarrativeInput& input, std::uint64_t study) {
  return write_narrative(input, phantom_grammar(), 4, study);
}

// Words of a text in lower case, without digits and punctuation.
inline std::vector<std::string> plain_words(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) words.back() += static_cast<char>(c | 0x20);
    if (!letter && !words.back().empty()) words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

// How many of the words only make sense beside a prior study.
inline int comparison_words(const std::string& text) {
  static const std::vector<std::string> kWords = {
      "again",     "before",   "compared",    "comparison",     "decrease",
      "decreased", "improved", "improvement", "interval",       "new",
      "newly",     "previous", "prior",       "redemonstrated", "since",
      "similar",   "stable",   "unchanged",   "worse",          "worsening"};
  const std::vector<std::string> words = plain_words(text);
  return static_cast<int>(std::count_if(words.begin(), words.end(), [](const std::string& word) {
    return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
  }));
}

}  // namespace biplane::testing
