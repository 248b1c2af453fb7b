#include "biplane/text/word_split.h"

#include <algorithm>

#include "biplane/text/unicode.h"

namespace biplane {
namespace {

struct Marked {
  char32_t code;
  std::int32_t origin;
};

// Collects characters into words.
class Splitter {
 public:
  Splitter(SplitText& text, bool lowercase) : text_(text), lowercase_(lowercase) {}

  void add(char32_t code, std::int32_t origin) {
    const CharacterKind kind = character_kind(code);
    if (kind == CharacterKind::kRemoved) return;
    const bool alone = kind == CharacterKind::kCjk;
    if (kind == CharacterKind::kBlank || alone) end_word();
    if (kind == CharacterKind::kBlank) return;
    if (!lowercase_) {
      append(code, origin);
    } else if (code < 0x80) {
      flush_pending();
      append(lower_case(code), origin);
    } else {
      decompose(code, origin);
    }
    if (alone) end_word();
  }

  void end_word() {
    flush_pending();
    const auto end = static_cast<std::uint32_t>(text_.origin.size());
    if (end > begin_) text_.words.push_back({begin_, end, false});
    begin_ = end;
  }

 private:
  void append(char32_t code, std::int32_t origin) {
    const bool punctuation = is_punctuation(code);
    if (punctuation) close_word();
    text_.byte_begin.push_back(static_cast<std::uint32_t>(text_.bytes.size()));
    text_.origin.push_back(origin);
    append_utf8(text_.bytes, code);
    if (punctuation) {
      const auto end = static_cast<std::uint32_t>(text_.origin.size());
      text_.words.push_back({end - 1, end, true});
      begin_ = end;
    }
  }

  void close_word() {
    const auto end = static_cast<std::uint32_t>(text_.origin.size());
    if (end > begin_) text_.words.push_back({begin_, end, false});
    begin_ = end;
  }

  void decompose(char32_t code, std::int32_t origin) {
    scratch_.clear();
    append_decomposition(scratch_, code);
    for (const char32_t part : scratch_) {
      if (combining_class(part) == 0) flush_pending();
      pending_.push_back({part, origin});
      if (combining_class(part) == 0) flush_pending();
    }
  }

  // Marks wait here for canonical ordering: a run of non-zero combining classes is sorted, equal
  // ones keep their order.
  void flush_pending() {
    if (pending_.empty()) return;
    std::stable_sort(pending_.begin(), pending_.end(), [](const Marked& a, const Marked& b) {
      return combining_class(a.code) < combining_class(b.code);
    });
    for (const Marked& mark : pending_) {
      if (!is_combining_mark(mark.code)) append(lower_case(mark.code), mark.origin);
    }
    pending_.clear();
  }

  SplitText& text_;
  bool lowercase_;
  std::uint32_t begin_ = 0;
  std::vector<Marked> pending_;
  std::vector<char32_t> scratch_;
};

}  // namespace

SplitText split_words(std::string_view text, bool lowercase, std::int32_t first_origin,
                      std::int32_t* next_origin) {
  SplitText result;
  result.bytes.reserve(text.size());
  result.byte_begin.reserve(text.size() + 1);
  result.origin.reserve(text.size());
  Splitter splitter(result, lowercase);
  std::int32_t origin = first_origin;
  for (std::size_t position = 0; position < text.size(); ++origin) {
    splitter.add(next_code_point(text, position), origin);
  }
  splitter.end_word();
  result.byte_begin.push_back(static_cast<std::uint32_t>(result.bytes.size()));
  if (next_origin != nullptr) *next_origin = origin;
  return result;
}

}  // namespace biplane
