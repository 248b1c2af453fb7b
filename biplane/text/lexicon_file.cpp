// Reading of lexicon files (docs/text.md).
#include <algorithm>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"
#include "biplane/core/share.h"
#include "biplane/text/lexicon_tables.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

// The file as it is written; each entry of a class is a line of words: the head, then its other
// forms.
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

bool ends_with(std::string_view word, std::string_view ending) {
  return word.size() > ending.size() && word.substr(word.size() - ending.size()) == ending;
}

std::string without_last(const std::string& word, std::size_t count) {
  return word.substr(0, word.size() - count);
}

// English plural by spelling: effusions, masses, opacities, atelectases.
std::string plural(const std::string& word) {
  if (ends_with(word, "is")) return without_last(word, 2) + "es";
  for (const char* ending : {"s", "x", "z", "ch", "sh"}) {
    if (ends_with(word, ending)) return word + "es";
  }
  const bool consonant_y = ends_with(word, "y") && std::string_view("aeiou").find(
                                                       word[word.size() - 2]) == std::string::npos;
  return consonant_y ? without_last(word, 1) + "ies" : word + "s";
}

// Forms of a word that its lexicon need not list.
std::vector<std::string> inflections(const std::string& word, WordClass word_class) {
  std::vector<std::string> forms;
  const bool is_noun = word_class == WordClass::kEntity || word_class == WordClass::kPlace ||
                       word_class == WordClass::kDevice;
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

std::string lookup_form(std::string_view word) { return split_words(word, true).bytes; }

}  // namespace

void LexiconTables::add_class(const std::vector<std::string>& lines, WordClass word_class,
                              const std::string& source) {
  for (const std::string& line : lines) {
    std::string head;
    for (const std::string& word : words_of_line(line)) {
      const std::string form = lookup_form(word);
      if (form.empty()) {
        throw Error(ErrorKind::kBadContent, source + ": '" + word + "' is no word");
      }
      if (head.empty()) head = form;
      const auto [entry, added] = entries.emplace(form, Entry{word_class, head});
      if (!added && entry->second.word_class != word_class) {
        throw Error(ErrorKind::kBadContent, source + ": '" + word + "' is listed as " +
                                                word_class_name(entry->second.word_class) +
                                                " and as " + word_class_name(word_class));
      }
    }
    if (head.empty()) {
      throw Error(ErrorKind::kBadContent,
                  source + ": an empty entry in class " + word_class_name(word_class));
    }
  }
}

void LexiconTables::add_english_inflections() {
  std::vector<std::pair<std::string, Entry>> listed(entries.begin(), entries.end());
  std::sort(listed.begin(), listed.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [word, entry] : listed) {
    for (std::string& form : inflections(word, entry.word_class)) {
      entries.emplace(std::move(form), entry);
    }
  }
}

void LexiconTables::add_view_words(const std::vector<std::string>& lines, WordSet& set) {
  for (const std::string& line : lines) {
    const SplitText split = split_words(line, true);
    for (const SplitWord& word : split.words) {
      if (!word.punctuation) set.emplace(split.view(word));
    }
  }
}

Lexicon Lexicon::parse(const std::string& yaml, const std::string& source) {
  LexiconFile file;
  load_config(ConfigTree::parse(yaml, source), file);
  if (file.classes.entity.empty()) {
    throw Error(ErrorKind::kBadContent,
                source + ": classes.entity is empty: there is nothing to mask by meaning");
  }
  auto tables = std::make_shared<LexiconTables>();
  tables->name = file.name;
  tables->language = file.language;
  tables->sha256 = sha256_hex(yaml);
  tables->add_class(file.classes.entity, WordClass::kEntity, source);
  tables->add_class(file.classes.negation, WordClass::kNegation, source);
  tables->add_class(file.classes.uncertainty, WordClass::kUncertainty, source);
  tables->add_class(file.classes.side, WordClass::kSide, source);
  tables->add_class(file.classes.size, WordClass::kSize, source);
  tables->add_class(file.classes.place, WordClass::kPlace, source);
  tables->add_class(file.classes.device, WordClass::kDevice, source);
  tables->add_class(file.classes.stop_word, WordClass::kStopWord, source);
  // Listed words win over generated forms, so these are added when all classes are in.
  if (file.language == "en") tables->add_english_inflections();
  LexiconTables::add_view_words(file.views.names, tables->view_names);
  LexiconTables::add_view_words(file.views.fillers, tables->view_fillers);
  return Lexicon(std::move(tables));
}

Lexicon Lexicon::read(const std::filesystem::path& file) {
  constexpr std::uint64_t kMaxBytes = 1ULL << 24;
  return parse(read_file(file, kMaxBytes), file.string());
}

Lexicon Lexicon::english() { return read(share_file("lexicon/en.yaml")); }

}  // namespace biplane
