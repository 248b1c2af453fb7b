#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/text/wordpiece.h"

namespace biplane {

// What a word is for masking, alignment and reporting (method section 3). The numbers are stored in
// batches.
enum class WordClass : int {
  kOther = 0,
  kPunctuation = 1,
  kStopWord = 2,
  kEntity = 3,
  kNegation = 4,
  kUncertainty = 5,
  kSide = 6,
  kSize = 7,
  kPlace = 8,
  kDevice = 9,
};
constexpr int kWordClasses = 10;
const char* word_class_name(
    WordClass word_class);  // "other", "punctuation", "stop_word", "entity", ...

// The words of a report as the lexicon sees them, one entry a token of the Encoding; [CLS] and
// [SEP] have class kOther, key 0 and word id -1.
struct WordAnnotation {
  std::vector<WordClass> word_class;
  std::vector<std::int64_t>
      word_key;  // stable_hash of the lower-cased word: equal words have equal keys
  // As Encoding::word_ids, but a hyphenated word that the lexicon knows ("x-ray",
  // "cardio-mediastinal") is one word.
  std::vector<std::int32_t> word_ids;

  bool has_entity() const;
};

struct LexiconTables;

// Word lists of one language, read from a YAML file that users may replace (docs/text.md,
// share/lexicon/en.yaml). Immutable; copies are cheap; safe to use from many threads.
class Lexicon {
 public:
  // Throws Error: kMissingInput, kUsage for an unknown key, kBadContent for a word in two classes
  // or an entry that is no word (both name the file and the word).
  static Lexicon read(const std::filesystem::path& file);
  static Lexicon parse(const std::string& yaml, const std::string& source = "lexicon");
  // share/lexicon/en.yaml.
  static Lexicon english();

  const std::string& name() const;
  const std::string& language() const;  // for example "en"
  const std::string& sha256() const;    // of the file's content

  // Class of one whole word in any case ("Effusions" -> kEntity); kPunctuation where it is made of
  // punctuation only.
  WordClass classify(std::string_view word) const;
  // The entry a word belongs to ("opacities" -> "opacity"), empty for words of no class.
  std::string head(std::string_view word) const;
  // Classes, keys and word ids of the tokens of `encoding`, which must come from this very `text`.
  WordAnnotation annotate(std::string_view text, const Encoding& encoding) const;

  // True where a sentence only names the views taken ("PA and lateral views of the chest.",
  // "Portable AP").
  bool only_names_views(std::string_view sentence) const;

 private:
  explicit Lexicon(std::shared_ptr<const LexiconTables> tables);
  std::shared_ptr<const LexiconTables> tables_;
};

}  // namespace biplane
