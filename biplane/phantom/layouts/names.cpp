#include "biplane/phantom/layouts/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "biplane/core/sha256.h"

namespace biplane {
namespace {

constexpr std::int64_t kSplits = 3;
constexpr std::int64_t kScatter = 10'000'000;
constexpr std::int64_t kStride = 7'368'787;  // no factor in common with kScatter

}  // namespace

std::int64_t patient_number(const StudyPlace& place) {
  return place.patient * kSplits + static_cast<std::int64_t>(place.split) + 1;
}

std::int64_t study_number(const StudyPlace& place) {
  return place.position * kSplits + static_cast<std::int64_t>(place.split) + 1;
}

std::int64_t scattered(std::int64_t number, std::int64_t seed) {
  const auto start = static_cast<std::int64_t>(stable_hash(fmt::format("layout {}", seed)) %
                                               static_cast<std::uint64_t>(kScatter));
  return (number % kScatter * kStride + start) % kScatter;
}

std::string padded(std::int64_t number, std::size_t digits) {
  return fmt::format("{:0{}}", number, digits);
}

std::string hex_groups(const std::string& text) {
  const std::string hex = sha256_hex(text);
  std::string name = hex.substr(0, 8);
  for (std::size_t group = 1; group < 5; ++group) name += "-" + hex.substr(8 * group, 8);
  return name;
}

std::string text_uuid(const std::string& text) {
  std::string hex = sha256_hex(text).substr(0, 32);
  hex[12] = '4';
  hex[16] = "89ab"[hex[16] % 4];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

std::string report_part(const Report& report, const std::string& header) {
  static constexpr std::array kHeaders = {
      "EXAMINATION: ", "INDICATION: ", "TECHNIQUE: ", "COMPARISON: "};
  const std::string mark = header + ": ";
  const std::size_t at = report.other.find(mark);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + mark.size();
  std::size_t end = report.other.size();
  for (const char* next : kHeaders) end = std::min(end, report.other.find(next, begin));
  std::string part = report.other.substr(begin, end - begin);
  part.erase(part.find_last_not_of(' ') + 1);
  return part;
}

}  // namespace biplane
