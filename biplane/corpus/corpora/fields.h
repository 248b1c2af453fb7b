#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// Years; ages above (NIH has 412) are typing errors.
inline constexpr double kOldest = 120;

// Without blanks, tabs and line ends at both ends.
std::string trimmed(std::string_view text);
// Parts between any of `marks`, trimmed, without empty ones.
std::vector<std::string> parts(std::string_view text, const char* marks);
// A finite number and nothing behind it; nothing for anything else.
std::optional<double> parse_number(std::string_view text);
// Rows or columns of an image; 0 for what is no such number.
std::int64_t parse_size(std::string_view text);
// Years from "58", "058Y", "018M" (months), "003W" or "003D"; nothing for anything else or a
// negative number.
std::optional<double> parse_age(std::string_view text);
// "M", "F" or empty, from M, F, Male, Female in any case.
std::string parse_sex(std::string_view text);

}  // namespace biplane
