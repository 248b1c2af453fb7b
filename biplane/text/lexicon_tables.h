#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "biplane/text/lexicon.h"

namespace biplane {

// What a Lexicon holds in memory; for lexicon*.cpp only.
struct LexiconTables {
  // Lets the tables be searched with a string_view.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Entry {
    WordClass word_class = WordClass::kOther;
    std::string head;
  };
  using WordSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

  std::string name, language, sha256;
  // Words in their lookup form: lower case, no accents, no blanks.
  std::unordered_map<std::string, Entry, TextHash, std::equal_to<>> entries;
  WordSet view_names, view_fillers;

  // The entry of a word in its lookup form, also without its hyphens ("cardio-mediastinal").
  const Entry* find(std::string_view form) const;

  // Adds lines of words ("head form form"); Error kBadContent names `source` and the word.
  void add_class(const std::vector<std::string>& lines, WordClass word_class,
                 const std::string& source);
  void add_english_inflections();
  static void add_view_words(const std::vector<std::string>& lines, WordSet& set);
};

}  // namespace biplane
