#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace biplane {

// Value of at most 8 bytes, little-endian, two's complement; 0 for none.
std::int64_t twos_complement(std::string_view bytes);

// Cursor over the bytes of a pickle; nothing is taken beyond its end.
class PickleInput {
 public:
  PickleInput(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  // Throws Error kBadContent naming the file and the place.
  [[noreturn]] void bad(const std::string& what) const;
  std::size_t at() const { return at_; }
  std::size_t left() const { return text_.size() - at_; }
  std::string_view take(std::uint64_t count);
  std::string_view line();          // up to the next newline, which is taken too
  std::uint64_t number(int bytes);  // little-endian, unsigned
  std::string_view counted(int bytes) { return take(number(bytes)); }  // length, then the bytes

  // Values of protocol 0, which stand as text.
  std::int64_t whole_number(std::string_view text) const;
  double real_number(std::string_view text) const;
  std::string quoted_text(std::string_view text) const;  // Python's 'a\n\x00'
  std::string raw_unicode(std::string_view text) const;  // Latin-1 with \uXXXX, as UTF-8

 private:
  std::uint32_t hexadecimal(std::string_view digits) const;

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
};

}  // namespace biplane
