#include "biplane/text/wordpiece.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

constexpr std::array<std::string_view, 5> kLiterals = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                       "[MASK]"};

// The special token written out at `position` of `text`, or empty.
std::string_view literal_at(std::string_view text, std::size_t position) {
  for (const std::string_view literal : kLiterals) {
    if (text.substr(position, literal.size()) == literal) return literal;
  }
  return {};
}

void add_token(Encoding& encoding, std::int64_t id, std::pair<std::int32_t, std::int32_t> offsets,
               std::int32_t word) {
  encoding.ids.push_back(id);
  encoding.offsets.push_back(offsets);
  encoding.word_ids.push_back(word);
  encoding.special.push_back(word < 0 ? 1 : 0);
}

void truncate(Encoding& encoding, std::size_t length) {
  encoding.ids.resize(length);
  encoding.offsets.resize(length);
  encoding.word_ids.resize(length);
  encoding.special.resize(length);
}

}  // namespace

// The vocabulary arranged for longest match: word starts and, without their "##", continuations.
struct WordPieceTokenizer::Pieces {
  std::unordered_map<std::string_view, std::int64_t> starts, continuations;
  std::size_t longest_start = 0, longest_continuation = 0;  // bytes

  explicit Pieces(const Vocabulary& vocabulary) {
    starts.reserve(static_cast<std::size_t>(vocabulary.size()));
    for (std::int64_t id = 0; id < vocabulary.size(); ++id) {
      const std::string_view token = vocabulary.token(id);
      starts[token] = id;
      longest_start = std::max(longest_start, token.size());
      if (token.size() > 2 && token.substr(0, 2) == "##") {
        continuations[token.substr(2)] = id;
        longest_continuation = std::max(longest_continuation, token.size() - 2);
      }
    }
  }

  struct Match {
    std::int64_t id = -1;
    std::uint32_t end = 0;
  };
  // Longest piece of `text` that starts at character `begin` and ends at most at `end`.
  Match longest(const SplitText& text, std::uint32_t begin, std::uint32_t end,
                bool is_start) const {
    const auto& table = is_start ? starts : continuations;
    const std::size_t limit =
        text.byte_begin[begin] + (is_start ? longest_start : longest_continuation);
    while (end > begin && text.byte_begin[end] > limit) --end;
    for (; end > begin; --end) {
      const auto found = table.find(text.view(begin, end));
      if (found != table.end()) return {found->second, end};
    }
    return {};
  }

  void add_word(const SplitText& text, const SplitWord& word, std::int64_t unknown,
                Encoding& encoding) const {
    const std::int32_t index = encoding.word_ids.back() + 1;
    const std::size_t before = encoding.size();
    for (std::uint32_t begin = word.begin; begin < word.end;) {
      const Match match = longest(text, begin, word.end, begin == word.begin);
      if (match.id < 0) {
        truncate(encoding, before);
        add_token(encoding, unknown, {text.origin[word.begin], text.origin[word.end - 1] + 1},
                  index);
        return;
      }
      add_token(encoding, match.id, {text.origin[begin], text.origin[match.end - 1] + 1}, index);
      begin = match.end;
    }
  }

  // Returns the number of the code point behind `part`, which starts at code point `origin`.
  std::int32_t add_text(std::string_view part, const WordPieceOptions& options,
                        std::int64_t unknown, std::int32_t origin, Encoding& encoding) const {
    const SplitText split = split_words(part, options.lowercase, origin, &origin);
    for (const SplitWord& word : split.words) {
      if (word.end - word.begin > options.max_word_characters) {
        add_token(encoding, unknown, {split.origin[word.begin], split.origin[word.end - 1] + 1},
                  encoding.word_ids.back() + 1);
      } else {
        add_word(split, word, unknown, encoding);
      }
    }
    return origin;
  }
};

WordPieceTokenizer::WordPieceTokenizer(Vocabulary vocabulary, WordPieceOptions options)
    : vocabulary_(std::move(vocabulary)),
      options_(options),
      pieces_(std::make_shared<Pieces>(vocabulary_)) {}

Encoding WordPieceTokenizer::encode(std::string_view text, std::int64_t max_length) const {
  if (max_length < 0 || max_length == 1) {
    throw Error(ErrorKind::kUsage,
                "text length " + std::to_string(max_length) + " must be 0 (no cut) or at least 2");
  }
  Encoding encoding;
  add_token(encoding, vocabulary_.cls_id(), {0, 0}, -1);
  std::int32_t origin = 0;
  std::size_t begin = 0;
  for (std::size_t at = options_.literal_special_tokens ? text.find('[') : std::string_view::npos;
       at != std::string_view::npos; at = text.find('[', at)) {
    const std::string_view literal = literal_at(text, at);
    if (literal.empty()) {
      ++at;
      continue;
    }
    origin = pieces_->add_text(text.substr(begin, at - begin), options_, vocabulary_.unk_id(),
                               origin, encoding);
    const auto length = static_cast<std::int32_t>(literal.size());
    add_token(encoding, vocabulary_.id(literal), {origin, origin + length},
              encoding.word_ids.back() + 1);
    origin += length;
    at += literal.size();
    begin = at;
  }
  pieces_->add_text(text.substr(begin), options_, vocabulary_.unk_id(), origin, encoding);
  if (max_length > 0 && encoding.size() > static_cast<std::size_t>(max_length) - 1) {
    truncate(encoding, static_cast<std::size_t>(max_length) - 1);
  }
  add_token(encoding, vocabulary_.sep_id(), {0, 0}, -1);
  return encoding;
}

}  // namespace biplane
