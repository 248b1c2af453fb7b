#include "biplane/text/lexicon.h"

#include <algorithm>

#include "biplane/core/random.h"
#include "biplane/text/lexicon_tables.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

std::string without_hyphens(std::string_view word) {
  std::string result;
  for (const char c : word) {
    if (c != '-') result += c;
  }
  return result;
}

bool all_digits(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

const char* word_class_name(WordClass word_class) {
  static constexpr std::array<const char*, kWordClasses> kNames = {
      "other",       "punctuation", "stop_word", "entity", "negation",
      "uncertainty", "side",        "size",      "place",  "device"};
  return kNames[static_cast<std::size_t>(word_class)];
}

bool WordAnnotation::has_entity() const {
  return std::find(word_class.begin(), word_class.end(), WordClass::kEntity) != word_class.end();
}

const LexiconTables::Entry* LexiconTables::find(std::string_view form) const {
  auto found = entries.find(form);
  if (found == entries.end() && form.find('-') != std::string_view::npos) {
    found = entries.find(without_hyphens(form));
  }
  return found == entries.end() ? nullptr : &found->second;
}

Lexicon::Lexicon(std::shared_ptr<const LexiconTables> tables) : tables_(std::move(tables)) {}

const std::string& Lexicon::name() const { return tables_->name; }
const std::string& Lexicon::language() const { return tables_->language; }
const std::string& Lexicon::sha256() const { return tables_->sha256; }

WordClass Lexicon::classify(std::string_view word) const {
  const SplitText split = split_words(word, true);
  if (const LexiconTables::Entry* entry = tables_->find(split.bytes)) return entry->word_class;
  const bool only_punctuation =
      !split.words.empty() && std::all_of(split.words.begin(), split.words.end(),
                                          [](const SplitWord& w) { return w.punctuation; });
  return only_punctuation ? WordClass::kPunctuation : WordClass::kOther;
}

std::string Lexicon::head(std::string_view word) const {
  const LexiconTables::Entry* entry = tables_->find(split_words(word, true).bytes);
  return entry != nullptr ? entry->head : std::string();
}

bool Lexicon::only_names_views(std::string_view sentence) const {
  const SplitText split = split_words(sentence, true);
  bool names_one = false;
  for (const SplitWord& word : split.words) {
    if (word.punctuation) continue;
    const std::string_view text = split.view(word);
    if (tables_->view_names.find(text) != tables_->view_names.end()) {
      names_one = true;
      continue;
    }
    const LexiconTables::Entry* entry = tables_->find(text);
    const bool filler = tables_->view_fillers.find(text) != tables_->view_fillers.end() ||
                        all_digits(text) ||
                        (entry != nullptr && entry->word_class == WordClass::kStopWord);
    if (!filler) return false;
  }
  return names_one;
}

namespace {

// A word as the lexicon sees it: one word of the split text, or several joined by hyphens or
// apostrophes.
struct Unit {
  std::int32_t first_origin = 0, last_origin = 0;  // code points of the original text
  bool compound = false;
  WordClass word_class = WordClass::kOther;
  std::int64_t key = 0;
};

std::int64_t key_of(std::string_view form) { return static_cast<std::int64_t>(stable_hash(form)); }

bool is_joiner(std::string_view word) {
  return word == "-" || word == "'" || word == "\u2019" || word == "\u2010";
}

bool touches(const SplitText& text, std::size_t left) {
  return text.origin[text.words[left].end - 1] + 1 == text.origin[text.words[left + 1].begin];
}

// Index of the last word of the hyphenated run that starts with word `first`; of a long one only
// the first words, so that the time stays linear.
std::size_t run_end(const SplitText& text, std::size_t first) {
  constexpr std::size_t kMostJoined = 6;
  std::size_t last = first;
  while (last - first < 2 * (kMostJoined - 1) && !text.words[last].punctuation &&
         last + 2 < text.words.size() && touches(text, last) &&
         is_joiner(text.view(text.words[last + 1])) && touches(text, last + 1) &&
         !text.words[last + 2].punctuation) {
    last += 2;
  }
  return last;
}

// Cuts a text into units; a hyphenated run is one where the lexicon lists it.
std::vector<Unit> find_units(const SplitText& text, const LexiconTables& tables) {
  std::vector<Unit> units;
  for (std::size_t i = 0; i < text.words.size();) {
    // The longest run that is listed; a single word otherwise.
    std::size_t last = run_end(text, i);
    const auto form = [&] { return text.view(text.words[i].begin, text.words[last].end); };
    const LexiconTables::Entry* entry = tables.find(form());
    for (; entry == nullptr && last > i; entry = tables.find(form())) last -= 2;
    Unit unit;
    unit.first_origin = text.origin[text.words[i].begin];
    unit.last_origin = text.origin[text.words[last].end - 1];
    unit.compound = last > i;
    unit.word_class = text.words[i].punctuation ? WordClass::kPunctuation : WordClass::kOther;
    if (entry != nullptr) unit.word_class = entry->word_class;
    unit.key = key_of(form());
    units.push_back(unit);
    i = last + 1;
  }
  return units;
}

}  // namespace

WordAnnotation Lexicon::annotate(std::string_view text, const Encoding& encoding) const {
  const std::vector<Unit> units = find_units(split_words(text, true), *tables_);
  // A word of combining marks alone is a token of cased text, but no unit.
  Unit none;
  none.key = key_of("");
  WordAnnotation result;
  std::size_t at = 0;
  const Unit* previous_unit = nullptr;
  std::int32_t previous_word = -1, next_id = -1;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (encoding.word_ids[i] < 0) {
      result.word_class.push_back(WordClass::kOther);
      result.word_key.push_back(0);
      result.word_ids.push_back(-1);
      continue;
    }
    const std::int32_t start = encoding.offsets[i].first;
    while (at + 1 < units.size() && units[at + 1].first_origin <= start) ++at;
    const bool inside =
        at < units.size() && units[at].first_origin <= start && start <= units[at].last_origin;
    const Unit& unit = inside ? units[at] : none;
    const bool same_compound = &unit == previous_unit && unit.compound;
    if (encoding.word_ids[i] != previous_word && !same_compound) ++next_id;
    result.word_class.push_back(unit.word_class);
    result.word_key.push_back(unit.key);
    result.word_ids.push_back(next_id);
    previous_unit = &unit;
    previous_word = encoding.word_ids[i];
  }
  return result;
}

}  // namespace biplane
