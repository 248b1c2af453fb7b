#include "biplane/corpus/corpora/python_list.h"

#include <charconv>

#include "biplane/text/unicode.h"

namespace biplane {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> list() {
    std::vector<std::string> items;
    if (!take('[')) return std::nullopt;
    while (!take(']')) {
      if (!items.empty() && !take(',')) return std::nullopt;
      if (!items.empty() && take(']')) break;  // a comma behind the last one
      std::optional<std::string> item = quoted();
      if (!item) return std::nullopt;
      items.push_back(*std::move(item));
    }
    skip_blanks();
    if (at_ != text_.size()) return std::nullopt;
    return items;
  }

 private:
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  bool take(char mark) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != mark) return false;
    ++at_;
    return true;
  }

  std::optional<std::string> quoted() {
    const bool single = take('\'');
    if (!single && !take('"')) return std::nullopt;
    const char mark = single ? '\'' : '"';
    std::string out;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == mark) {
        ++at_;
        return out;
      }
      if (c == '\n') return std::nullopt;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  // At a backslash; leaves at the last character of the escape.
  bool escape(std::string& out) {
    if (++at_ >= text_.size()) return false;
    constexpr std::string_view kNames = "\\'\"nrt", kMeanings = "\\'\"\n\r\t";
    const std::size_t simple = kNames.find(text_[at_]);
    if (simple != std::string_view::npos) {
      out += kMeanings[simple];
      return true;
    }
    const std::size_t digits = text_[at_] == 'x' ? 2 : text_[at_] == 'u' ? 4 : 0;
    if (digits == 0 || text_.size() - at_ <= digits) return false;
    const char* first = text_.data() + at_ + 1;
    std::uint32_t code = 0;
    const auto result = std::from_chars(first, first + digits, code, 16);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (result.ec != std::errc() || result.ptr != first + digits || surrogate) return false;
    append_utf8(out, code);
    at_ += digits;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<std::string>> parse_python_list(std::string_view text) {
  return Reader(text).list();
}

}  // namespace biplane
