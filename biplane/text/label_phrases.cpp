#include "biplane/text/label_phrases.h"

#include <algorithm>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::uint32_t kGap = 0;
constexpr std::uint32_t kMostSkipped = 3;  // words in a gap
constexpr std::size_t kMostElements = 16, kMostSpellings = 4096, kMostGaps = 3;
constexpr std::string_view kKeptPunctuation = ",.;:?!/()";

[[noreturn]] void fail(const std::string& phrase, const std::string& what) {
  throw Error(ErrorKind::kBadContent, "phrase '" + phrase + "' " + what);
}

std::vector<std::string> split_at(std::string_view text, char mark) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(mark, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// One word of a phrase as the text has it; a trailing star is kept.
std::string checked_word(const std::string& phrase, std::string word) {
  const bool stem = word.size() > 1 && word.back() == '*';
  if (stem) word.pop_back();
  const SentenceWords words(word);
  if (words.size() != 1)
    fail(phrase, "holds '" + word + "', which is not one word; write hyphens as blanks");
  return std::string(words[0]) + (stem ? "*" : "");
}

// The spellings of one element; an empty one where it may be missing, ".." for a gap.
std::vector<std::string> spellings(const std::string& phrase, std::string element) {
  if (element == "..") return {element};
  const bool optional = element.size() > 1 && element.back() == '?';
  if (optional) element.pop_back();
  std::vector<std::string> result;
  for (const std::string& word : split_at(element, '|'))
    result.push_back(checked_word(phrase, word));
  if (optional) result.emplace_back();
  return result;
}

}  // namespace

SentenceWords::SentenceWords(std::string_view sentence) : text_(split_words(sentence, true)) {
  words_.reserve(text_.words.size());
  punctuation_.reserve(text_.words.size());
  for (const SplitWord& word : text_.words) {
    const std::string_view view = text_.view(word);
    if (word.punctuation && kKeptPunctuation.find(view) == std::string_view::npos) continue;
    words_.push_back(view);
    punctuation_.push_back(word.punctuation ? 1 : 0);
  }
}

std::string SentenceWords::join(std::uint32_t begin, std::uint32_t end) const {
  std::string result;
  for (std::uint32_t i = begin; i < end; ++i) {
    if (i > begin) result += ' ';
    result += words_[i];
  }
  return result;
}

std::uint32_t PhraseSet::atom(const std::string& word) {
  if (word == "..") return kGap;
  const auto [found, fresh] = words_.emplace(word, atoms_);
  if (!fresh) return found->second;
  if (word.back() == '*') {
    const std::string stem = word.substr(0, word.size() - 1);
    stems_[static_cast<unsigned char>(stem.front())].emplace_back(stem, atoms_);
  }
  return atoms_++;
}

std::uint32_t PhraseSet::child(std::uint32_t node, std::uint32_t atom) const {
  if (node == 0) return atom < first_.size() ? first_[atom] : 0;
  for (const auto& [edge, next] : nodes_[node].next) {
    if (edge == atom) return next;
  }
  return 0;
}

void PhraseSet::insert(const std::vector<std::uint32_t>& atoms, PhraseUse use) {
  std::uint32_t node = 0;
  for (const std::uint32_t atom : atoms) {
    std::uint32_t next = child(node, atom);
    if (next == 0) {
      next = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
      if (node == 0) {
        first_.resize(std::max<std::size_t>(first_.size(), atom + 1));
        first_[atom] = next;
      } else {
        nodes_[node].next.emplace_back(atom, next);
      }
    }
    node = next;
  }
  std::vector<PhraseUse>& uses = nodes_[node].uses;
  if (std::find(uses.begin(), uses.end(), use) == uses.end()) uses.push_back(use);
}

void PhraseSet::add(const std::string& phrase, PhraseUse use) {
  std::vector<std::vector<std::string>> elements;
  std::size_t count = 1, gaps = 0;
  for (const std::string& element : split_at(phrase, ' ')) {
    if (element.empty()) continue;
    elements.push_back(spellings(phrase, element));
    count *= elements.back().size();
    gaps += element == ".." ? 1 : 0;
    if (elements.size() > kMostElements || count > kMostSpellings || gaps > kMostGaps)
      fail(phrase, "is too long or has too many spellings; write it as several");
  }
  if (elements.empty()) fail(phrase, "is empty");
  if (elements.front().front() == ".." || elements.back().front() == "..")
    fail(phrase, "begins or ends with a gap");
  if (std::all_of(elements.begin(), elements.end(),
                  [](const auto& element) { return element.back().empty(); }))
    fail(phrase, "may be missing as a whole");
  // Spelling n of the phrase takes the digits of n in the mixed base of the elements.
  for (std::size_t n = 0; n < count; ++n) {
    std::vector<std::uint32_t> atoms;
    std::size_t rest = n;
    for (const std::vector<std::string>& element : elements) {
      const std::string& word = element[rest % element.size()];
      rest /= element.size();
      if (!word.empty()) atoms.push_back(atom(word));
    }
    insert(atoms, use);
  }
}

void PhraseSet::append_atoms(std::string_view word, std::vector<std::uint32_t>& atoms) const {
  const auto found = words_.find(word);
  if (found != words_.end()) atoms.push_back(found->second);
  for (const auto& [stem, atom] : stems_[static_cast<unsigned char>(word.front())]) {
    if (word.substr(0, stem.size()) == stem) atoms.push_back(atom);
  }
}

// One search through a sentence. The depth is bounded by the longest phrase.
struct PhraseSet::Walk {
  const PhraseSet& set;
  const SentenceWords& words;
  std::vector<std::uint32_t> atoms, atoms_begin;  // of each word
  std::vector<PhraseHit> hits;

  void run() {
    for (std::uint32_t i = 0; i < words.size(); ++i) {
      atoms_begin.push_back(static_cast<std::uint32_t>(atoms.size()));
      set.append_atoms(words[i], atoms);
    }
    atoms_begin.push_back(static_cast<std::uint32_t>(atoms.size()));
    for (std::uint32_t i = 0; i < words.size(); ++i) {
      for (std::uint32_t a = atoms_begin[i]; a < atoms_begin[i + 1]; ++a) {
        const std::uint32_t node = set.child(0, atoms[a]);
        if (node != 0) follow(node, i, i + 1);
      }
    }
  }

  void follow(std::uint32_t node, std::uint32_t begin, std::uint32_t at) {
    for (const PhraseUse& use : set.nodes_[node].uses) hits.push_back({begin, at, use});
    for (const auto& [atom, next] : set.nodes_[node].next) {
      if (atom == kGap) {
        follow(next, begin, at);
        for (std::uint32_t skipped = 1;
             skipped <= kMostSkipped && at + skipped <= words.size() && may_skip(at + skipped - 1);
             ++skipped)
          follow(next, begin, at + skipped);
      } else if (at < words.size() && has_atom(at, atom)) {
        follow(next, begin, at + 1);
      }
    }
  }

  // A denial inside a gap belongs to what stands behind it: "effusion but no posterior fluid".
  bool may_skip(std::uint32_t word) const {
    return !words.punctuation(word) && words[word] != "no" && words[word] != "not" &&
           words[word] != "without";
  }

  bool has_atom(std::uint32_t word, std::uint32_t atom) const {
    for (std::uint32_t a = atoms_begin[word]; a < atoms_begin[word + 1]; ++a) {
      if (atoms[a] == atom) return true;
    }
    return false;
  }
};

std::vector<PhraseHit> PhraseSet::find(const SentenceWords& words) const {
  Walk walk{*this, words, {}, {}, {}};
  walk.run();
  return std::move(walk.hits);
}

}  // namespace biplane
