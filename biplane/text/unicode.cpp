#include "biplane/text/unicode.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>

namespace biplane {
namespace {

// Length of a sequence by its first byte and the range of its second byte (Unicode standard, table
// 3-7); length 0: never first.
struct Lead {
  int length = 0;
  unsigned char low = 0x80, high = 0xBF;
};

Lead lead(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

bool is_cjk(char32_t c) {
  // The ranges of the reference tokenizer, with its 2B920 (the block starts at 2B820).
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

utf8proc_category_t category(char32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

CharacterKind classify(char32_t code) {
  if (code == '\t' || code == '\n' || code == '\r') return CharacterKind::kBlank;
  if (code == 0 || code == kReplacementCharacter) return CharacterKind::kRemoved;
  switch (category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
      return CharacterKind::kRemoved;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharacterKind::kBlank;
    default:
      return is_cjk(code) ? CharacterKind::kCjk : CharacterKind::kKept;
  }
}

bool classify_punctuation(char32_t code) {
  if (code < 0x80) {
    return (code >= 33 && code <= 47) || (code >= 58 && code <= 64) || (code >= 91 && code <= 96) ||
           (code >= 123 && code <= 126);
  }
  switch (category(code)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return true;
    default:
      return false;
  }
}

struct AsciiEntry {
  CharacterKind kind;
  bool punctuation;
};

// Reports are almost all ASCII: one table look-up instead of Unicode properties.
const std::array<AsciiEntry, 128>& ascii_table() {
  static const std::array<AsciiEntry, 128> table = [] {
    std::array<AsciiEntry, 128> entries{};
    for (char32_t c = 0; c < 128; ++c) entries[c] = {classify(c), classify_punctuation(c)};
    return entries;
  }();
  return table;
}

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t& position) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(position);
  const Lead sequence = lead(first);
  const std::size_t start = position++;
  if (sequence.length == 1) return first;
  if (sequence.length == 0 || text.size() - start < static_cast<std::size_t>(sequence.length)) {
    return kReplacementCharacter;
  }
  char32_t code = first & (0xFF >> (sequence.length + 1));
  for (int i = 1; i < sequence.length; ++i) {
    const unsigned char next = byte(start + static_cast<std::size_t>(i));
    const bool valid =
        i == 1 ? next >= sequence.low && next <= sequence.high : (next & 0xC0) == 0x80;
    if (!valid) return kReplacementCharacter;
    code = (code << 6) | (next & 0x3F);
  }
  position = start + static_cast<std::size_t>(sequence.length);
  return code;
}

std::vector<char32_t> decode_utf8(std::string_view text) {
  std::vector<char32_t> codes;
  codes.reserve(text.size());
  for (std::size_t position = 0; position < text.size();)
    codes.push_back(next_code_point(text, position));
  return codes;
}

void append_utf8(std::string& text, char32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t count =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    text += static_cast<char>(bytes[static_cast<std::size_t>(i)]);
}

CharacterKind character_kind(char32_t code) {
  return code < 0x80 ? ascii_table()[code].kind : classify(code);
}

bool is_punctuation(char32_t code) {
  return code < 0x80 ? ascii_table()[code].punctuation : classify_punctuation(code);
}

bool is_combining_mark(char32_t code) {
  return code >= 0x80 && category(code) == UTF8PROC_CATEGORY_MN;
}

int combining_class(char32_t code) {
  return code < 0x80 ? 0
                     : utf8proc_get_property(static_cast<utf8proc_int32_t>(code))->combining_class;
}

char32_t lower_case(char32_t code) {
  if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
}

void append_decomposition(std::vector<char32_t>& result, char32_t code) {
  std::array<utf8proc_int32_t, 32> buffer{};
  int boundary = 0;
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), buffer.data(), buffer.size(),
                              UTF8PROC_DECOMPOSE, &boundary);
  if (count < 1 || count > static_cast<utf8proc_ssize_t>(buffer.size())) {
    result.push_back(code);
    return;
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    result.push_back(static_cast<char32_t>(buffer[static_cast<std::size_t>(i)]));
  }
}

std::string lower_case(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    append_utf8(result, lower_case(next_code_point(text, position)));
  }
  return result;
}

}  // namespace biplane
