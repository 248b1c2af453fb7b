#include "biplane/formats/pickle_input.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "biplane/core/error.h"
#include "biplane/formats/file_bytes.h"

namespace biplane {
namespace {

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

}  // namespace

std::int64_t twos_complement(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const int unused = 64 - 8 * static_cast<int>(bytes.size());
  return static_cast<std::int64_t>(little_endian(bytes) << unused) >> unused;
}

void PickleInput::bad(const std::string& what) const {
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: not an acceptable pickle: {} (before byte {})", name_, what, at_));
}

std::string_view PickleInput::take(std::uint64_t count) {
  if (count > left()) bad(fmt::format("{} bytes are announced, {} are left", count, left()));
  const std::string_view taken = text_.substr(at_, count);
  at_ += count;
  return taken;
}

std::string_view PickleInput::line() {
  const std::size_t end = text_.find('\n', at_);
  if (end == std::string_view::npos) bad("a line without its end");
  const std::string_view taken = text_.substr(at_, end - at_);
  at_ = end + 1;
  return taken;
}

std::uint64_t PickleInput::number(int bytes) {
  return little_endian(take(static_cast<std::uint64_t>(bytes)));
}

std::int64_t PickleInput::whole_number(std::string_view text) const {
  if (text.ends_with('L')) text.remove_suffix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    bad(fmt::format("'{}' is not a whole number of 64 bits", shown(text)));
  return value;
}

double PickleInput::real_number(std::string_view text) const {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    bad(fmt::format("'{}' is not a number", shown(text)));
  return value;
}

std::uint32_t PickleInput::hexadecimal(std::string_view digits) const {
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
    bad(fmt::format("'{}' is not hexadecimal", shown(digits)));
  return value;
}

std::string PickleInput::quoted_text(std::string_view text) const {
  if (text.size() < 2 || text.front() != text.back() ||
      (text.front() != '\'' && text.front() != '"'))
    bad(fmt::format("{} is not a quoted text", shown(text)));
  text = text.substr(1, text.size() - 2);
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const char escape = ++i < text.size() ? text[i] : '\0';
    switch (escape) {
      case '\\':
      case '\'':
      case '"':
        result += escape;
        break;
      case 'n':
        result += '\n';
        break;
      case 'r':
        result += '\r';
        break;
      case 't':
        result += '\t';
        break;
      case 'x':
        result += static_cast<char>(hexadecimal(text.substr(i + 1, 2)));
        i += 2;
        break;
      default:
        bad(fmt::format("'{}' has an unknown escape", shown(text)));
    }
  }
  return result;
}

std::string PickleInput::raw_unicode(std::string_view text) const {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    const std::size_t digits = rest.starts_with("\\u") ? 4 : rest.starts_with("\\U") ? 8 : 0;
    if (digits == 0) {
      append_utf8(result, static_cast<unsigned char>(text[i]));
      continue;
    }
    const std::uint32_t code = hexadecimal(rest.substr(2, digits));
    if (code > 0x10FFFF || rest.size() < 2 + digits) bad("a character that is not Unicode");
    append_utf8(result, code);
    i += 1 + digits;
  }
  return result;
}

}  // namespace biplane
