#include "biplane/text/lexicon.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/random.h"
#include "biplane/core/sha256.h"
#include "biplane/core/share.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

// The file as it is written; each entry of a class is a line of words: the head, then its other forms.
struct LexiconFile {
  struct Classes {
    std::vector<std::string> entity, negation, uncertainty, side, size, place, device, stop_word;
    template <class V>
    void visit(V& v) {
      v.field("entity", entity);
      v.field("negation", negation);
      v.field("uncertainty", uncertainty);
      v.field("side", side);
      v.field("size", size);
      v.field("place", place);
      v.field("device", device);
      v.field("stop_word", stop_word);
    }
  };
  struct Views {
    std::vector<std::string> names, fillers;
    template <class V>
    void visit(V& v) {
      v.field("names", names);
      v.field("fillers", fillers);
    }
  };
  std::string name, language;
  std::int64_t version = 0;
  Classes classes;
  Views views;
  template <class V>
  void visit(V& v) {
    v.field("name", name);
    v.field("version", version);
    v.field("language", language);
    v.field("classes", classes);
    v.field("views", views);
  }
};

// Lets the tables be searched with a string_view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

struct Entry {
  WordClass word_class;
  std::string head;
};

using EntryMap = std::unordered_map<std::string, Entry, TextHash, std::equal_to<>>;
using WordSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

bool ends_with(std::string_view word, std::string_view ending) {
  return word.size() > ending.size() && word.substr(word.size() - ending.size()) == ending;
}

std::string without_last(const std::string& word, std::size_t count) { return word.substr(0, word.size() - count); }

// English plural by spelling: effusions, masses, opacities, atelectases.
std::string plural(const std::string& word) {
  if (ends_with(word, "is")) return without_last(word, 2) + "es";
  for (const char* ending : {"s", "x", "z", "ch", "sh"}) {
    if (ends_with(word, ending)) return word + "es";
  }
  const bool consonant_y = ends_with(word, "y") && std::string_view("aeiou").find(word[word.size() - 2]) == std::string::npos;
  return consonant_y ? without_last(word, 1) + "ies" : word + "s";
}

std::vector<std::string> inflections(const std::string& word, WordClass word_class) {
  std::vector<std::string> forms;
  const bool is_noun =
      word_class == WordClass::kEntity || word_class == WordClass::kPlace || word_class == WordClass::kDevice;
  if (is_noun) forms.push_back(plural(word));
  if (word_class == WordClass::kEntity && ends_with(word, "e")) {
    forms.push_back(word + "d");
    forms.push_back(without_last(word, 1) + "ing");
  }
  return forms;
}

std::vector<std::string> words_of_line(const std::string& line) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (begin < line.size()) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    if (end > begin) words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

// Lower case, no accents, no blanks: how words are looked up.
std::string lookup_form(std::string_view word) { return split_words(word, true).bytes; }

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
      "other", "punctuation", "stop_word", "entity", "negation", "uncertainty", "side", "size", "place", "device"};
  return kNames[static_cast<std::size_t>(word_class)];
}

bool WordAnnotation::has_entity() const {
  return std::find(word_class.begin(), word_class.end(), WordClass::kEntity) != word_class.end();
}

struct Lexicon::Tables {
  std::string name, language, sha256;
  EntryMap entries;
  WordSet view_names, view_fillers;

  // The entry of a word in its lookup form, also without its hyphens ("cardio-mediastinal").
  const Entry* find(std::string_view form) const {
    auto found = entries.find(form);
    if (found == entries.end() && form.find('-') != std::string_view::npos) found = entries.find(without_hyphens(form));
    return found == entries.end() ? nullptr : &found->second;
  }

  void add_class(const std::vector<std::string>& lines, WordClass word_class, const std::string& source) {
    for (const std::string& line : lines) {
      std::string head;
      for (const std::string& word : words_of_line(line)) {
        const std::string form = lookup_form(word);
        if (form.empty()) throw Error(ErrorKind::kBadContent, source + ": '" + word + "' is no word");
        if (head.empty()) head = form;
        const auto [entry, added] = entries.emplace(form, Entry{word_class, head});
        if (!added && entry->second.word_class != word_class) {
          throw Error(ErrorKind::kBadContent, source + ": '" + word + "' is listed as " +
                                                  word_class_name(entry->second.word_class) + " and as " +
                                                  word_class_name(word_class));
        }
      }
      if (head.empty()) {
        throw Error(ErrorKind::kBadContent, source + ": an empty entry in class " + word_class_name(word_class));
      }
    }
  }

  // Listed words win over generated forms, so these are added when all classes are in.
  void add_inflections() {
    std::vector<std::pair<std::string, Entry>> listed(entries.begin(), entries.end());
    std::sort(listed.begin(), listed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [word, entry] : listed) {
      for (std::string& form : inflections(word, entry.word_class)) entries.emplace(std::move(form), entry);
    }
  }
};

Lexicon::Lexicon(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

Lexicon Lexicon::parse(const std::string& yaml, const std::string& source) {
  LexiconFile file;
  load_config(ConfigTree::parse(yaml, source), file);
  auto tables = std::make_shared<Tables>();
  tables->name = file.name;
  tables->language = file.language;
  tables->sha256 = sha256_hex(yaml);
  const std::pair<const std::vector<std::string>*, WordClass> lists[] = {
      {&file.classes.entity, WordClass::kEntity},           {&file.classes.negation, WordClass::kNegation},
      {&file.classes.uncertainty, WordClass::kUncertainty}, {&file.classes.side, WordClass::kSide},
      {&file.classes.size, WordClass::kSize},               {&file.classes.place, WordClass::kPlace},
      {&file.classes.device, WordClass::kDevice},           {&file.classes.stop_word, WordClass::kStopWord}};
  for (const auto& [lines, word_class] : lists) tables->add_class(*lines, word_class, source);
  if (file.classes.entity.empty()) {
    throw Error(ErrorKind::kBadContent, source + ": classes.entity is empty: there is nothing to mask by meaning");
  }
  tables->add_inflections();
  const auto add_views = [](const std::vector<std::string>& lines, WordSet& set) {
    for (const std::string& line : lines) {
      const SplitText split = split_words(line, true);
      for (const SplitWord& word : split.words) {
        if (!word.punctuation) set.emplace(split.view(word));
      }
    }
  };
  add_views(file.views.names, tables->view_names);
  add_views(file.views.fillers, tables->view_fillers);
  return Lexicon(std::move(tables));
}

Lexicon Lexicon::read(const std::filesystem::path& file) {
  constexpr std::uint64_t kMaxBytes = 1ULL << 24;
  return parse(read_file(file, kMaxBytes), file.string());
}

Lexicon Lexicon::english() { return read(share_file("lexicon/en.yaml")); }

const std::string& Lexicon::name() const { return tables_->name; }
const std::string& Lexicon::language() const { return tables_->language; }
const std::string& Lexicon::sha256() const { return tables_->sha256; }

WordClass Lexicon::classify(std::string_view word) const {
  const SplitText split = split_words(word, true);
  if (const Entry* entry = tables_->find(split.bytes)) return entry->word_class;
  const bool only_punctuation = !split.words.empty() &&
                                std::all_of(split.words.begin(), split.words.end(), [](const SplitWord& w) { return w.punctuation; });
  return only_punctuation ? WordClass::kPunctuation : WordClass::kOther;
}

std::string Lexicon::head(std::string_view word) const {
  const Entry* entry = tables_->find(lookup_form(word));
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
    const Entry* entry = tables_->find(text);
    const bool filler = tables_->view_fillers.find(text) != tables_->view_fillers.end() || all_digits(text) ||
                        (entry != nullptr && entry->word_class == WordClass::kStopWord);
    if (!filler) return false;
  }
  return names_one;
}

namespace {

// A word as the lexicon sees it: one word of the split text, or several joined by hyphens or apostrophes.
struct Unit {
  std::int32_t first_origin = 0, last_origin = 0;  // code points of the original text
  bool compound = false;
  WordClass word_class = WordClass::kOther;
  std::int64_t key = 0;
};

std::int64_t key_of(std::string_view form) { return static_cast<std::int64_t>(stable_hash(form)); }

bool is_joiner(std::string_view word) { return word == "-" || word == "'" || word == "\u2019" || word == "\u2010"; }

bool touches(const SplitText& text, std::size_t left) {
  return text.origin[text.words[left].end - 1] + 1 == text.origin[text.words[left + 1].begin];
}

// Index of the last word of the hyphenated run that starts with word `first`.
std::size_t run_end(const SplitText& text, std::size_t first) {
  std::size_t last = first;
  while (!text.words[last].punctuation && last + 2 < text.words.size() && touches(text, last) &&
         is_joiner(text.view(text.words[last + 1])) && touches(text, last + 1) &&
         !text.words[last + 2].punctuation) {
    last += 2;
  }
  return last;
}

}  // namespace

WordAnnotation Lexicon::annotate(std::string_view text, const Encoding& encoding) const {
  const SplitText split = split_words(text, true);
  std::vector<Unit> units;
  for (std::size_t i = 0; i < split.words.size();) {
    // The longest run that is listed; a single word otherwise.
    std::size_t last = run_end(split, i);
    const auto form = [&] { return split.view(split.words[i].begin, split.words[last].end); };
    const Entry* entry = tables_->find(form());
    for (; entry == nullptr && last > i; entry = tables_->find(form())) last -= 2;
    Unit unit;
    unit.first_origin = split.origin[split.words[i].begin];
    unit.last_origin = split.origin[split.words[last].end - 1];
    unit.compound = last > i;
    unit.word_class = entry != nullptr               ? entry->word_class
                      : split.words[i].punctuation   ? WordClass::kPunctuation
                                                     : WordClass::kOther;
    unit.key = key_of(form());
    units.push_back(unit);
    i = last + 1;
  }
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
    // A word of combining marks alone is a token of cased text, but no word here.
    const bool inside = at < units.size() && units[at].first_origin <= start && start <= units[at].last_origin;
    const Unit* unit = inside ? &units[at] : nullptr;
    const bool same_compound = unit != nullptr && unit == previous_unit && unit->compound;
    if (encoding.word_ids[i] != previous_word && !same_compound) ++next_id;
    result.word_class.push_back(unit != nullptr ? unit->word_class : WordClass::kOther);
    result.word_key.push_back(unit != nullptr ? unit->key : key_of(""));
    result.word_ids.push_back(next_id);
    previous_unit = unit;
    previous_word = encoding.word_ids[i];
  }
  return result;
}

}  // namespace biplane
