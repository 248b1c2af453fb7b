#include "biplane/corpus/corpora/fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "biplane/text/section_headers.h"
#include "biplane/text/unicode.h"

namespace biplane {

std::string trimmed(std::string_view text) { return std::string(trim(text)); }

std::vector<std::string> parts(std::string_view text, const char* marks) {
  std::vector<std::string> found;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of(marks, begin), text.size());
    std::string part = trimmed(text.substr(begin, end - begin));
    if (!part.empty()) found.push_back(std::move(part));
    begin = end + 1;
  }
  return found;
}

std::optional<double> parse_number(std::string_view text) {
  const std::string number = trimmed(text);
  double value = 0;
  const char* end = number.data() + number.size();
  const auto result = std::from_chars(number.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::int64_t parse_size(std::string_view text) {
  constexpr double kLargest = 1 << 20;
  const double size = parse_number(text).value_or(0);
  return size >= 1 && size <= kLargest ? static_cast<std::int64_t>(size) : 0;
}

std::optional<double> parse_age(std::string_view text) {
  std::string number = trimmed(text);
  double units_per_year = 1;
  if (!number.empty()) {
    const char unit = number.back();
    if (unit == 'M') units_per_year = 12;
    if (unit == 'W') units_per_year = 365.25 / 7;
    if (unit == 'D') units_per_year = 365.25;
    if (unit == 'Y' || units_per_year > 1) number.pop_back();
  }
  const std::optional<double> value = parse_number(number);
  if (!value || *value < 0) return std::nullopt;
  return *value / units_per_year;
}

std::string parse_sex(std::string_view text) {
  const std::string sex = lower_case(trimmed(text));
  if (sex == "m" || sex == "male") return "M";
  if (sex == "f" || sex == "female") return "F";
  return {};
}

}  // namespace biplane
