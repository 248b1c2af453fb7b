#include "biplane/formats/rle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 31;
constexpr std::size_t kShown = 20;  // characters of a bad value in a message

void check_mask_size(std::size_t pixels, std::int64_t rows, std::int64_t cols) {
  const bool sizes = rows >= 0 && cols >= 0 && rows <= kMaxPixels && cols <= kMaxPixels;
  if (!sizes || static_cast<std::uint64_t>(rows * cols) != pixels)
    throw Error(ErrorKind::kUsage,
                fmt::format("a mask of {} pixels is not {} x {}", pixels, rows, cols));
}

// Checks the runs before anything is allocated.
void check_runs(std::span<const std::int64_t> counts, std::int64_t rows, std::int64_t cols) {
  if (rows < 0 || cols < 0 || rows > kMaxPixels || cols > kMaxPixels || rows * cols > kMaxPixels)
    throw Error(ErrorKind::kBadContent, fmt::format("a mask of {} x {} pixels", rows, cols));
  std::int64_t left = rows * cols;
  for (const std::int64_t run : counts) {
    if (run < 0 || run > left)
      throw Error(ErrorKind::kBadContent,
                  fmt::format("run length {} in a mask of {} x {} pixels", run, rows, cols));
    left -= run;
  }
  if (left != 0)
    throw Error(ErrorKind::kBadContent,
                fmt::format("run lengths leave {} of {} x {} pixels open", left, rows, cols));
}

}  // namespace

std::vector<std::int64_t> encode_rle(std::span<const std::uint8_t> mask, std::int64_t rows,
                                     std::int64_t cols) {
  check_mask_size(mask.size(), rows, cols);
  std::vector<std::int64_t> counts;
  bool inside = false;
  std::int64_t run = 0;
  for (std::int64_t x = 0; x < cols; ++x) {
    for (std::int64_t y = 0; y < rows; ++y) {
      const bool set = mask[static_cast<std::size_t>(y * cols + x)] != 0;
      if (set != inside) {
        counts.push_back(run);
        run = 0;
        inside = set;
      }
      ++run;
    }
  }
  if (run > 0) counts.push_back(run);
  return counts;
}

std::vector<std::uint8_t> decode_rle(std::span<const std::int64_t> counts, std::int64_t rows,
                                     std::int64_t cols) {
  check_runs(counts, rows, cols);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(rows * cols), 0);
  std::int64_t position = 0;
  bool inside = false;
  for (const std::int64_t run : counts) {
    if (inside) {
      for (std::int64_t p = position; p < position + run; ++p)
        mask[static_cast<std::size_t>(p % rows * cols + p / rows)] = 1;
    }
    position += run;
    inside = !inside;
  }
  return mask;
}

std::string relative_rle(std::span<const std::int64_t> counts) {
  // COCO counts are such pairs already; what is left over at the end is the last run of zeros.
  const std::size_t used = counts.size() / 2 * 2;
  if (used == 0) return "-1";
  return fmt::format("{}", fmt::join(counts.first(used), " "));
}

std::vector<std::int64_t> parse_relative_rle(std::string_view text, std::int64_t rows,
                                             std::int64_t cols) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::int64_t> counts;
  std::int64_t left = rows * cols;
  for (std::size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    std::int64_t run = 0;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, run);
    if (error != std::errc() || stop != text.data() + end)
      throw Error(ErrorKind::kBadContent, fmt::format("'{}' is no run length",
                                                      text.substr(at, std::min(end - at, kShown))));
    counts.push_back(run);
    left -= std::clamp<std::int64_t>(run, 0, left);
    at = text.find_first_not_of(kBlanks, end);
  }
  if (counts.size() == 1 && counts.front() == -1) return {rows * cols};
  if (counts.empty() || counts.size() % 2 != 0)
    throw Error(ErrorKind::kBadContent,
                fmt::format("{} run lengths, not \"-1\" or pairs", counts.size()));
  if (left > 0) counts.push_back(left);
  check_runs(counts, rows, cols);
  return counts;
}

std::vector<std::int64_t> parse_compressed_rle(std::string_view text, std::int64_t rows,
                                               std::int64_t cols) {
  constexpr int kBits = 5, kMostLetters = 8;  // of a number: 40 bits hold any run
  constexpr int kFirst = '0', kMore = 0x20, kSign = 0x10;
  const auto refuse = [](const char* why) {
    throw Error(ErrorKind::kBadContent, fmt::format("compressed run lengths with {}", why));
  };
  std::vector<std::int64_t> counts;
  std::int64_t run = 0;
  int letters = 0;
  for (const char letter : text) {
    const int bits = letter - kFirst;
    if (bits < 0 || bits > (kMore | (kMore - 1))) refuse("a letter that has no meaning");
    run |= static_cast<std::int64_t>(bits & (kMore - 1)) << (kBits * letters++);
    if ((bits & kMore) != 0) {
      if (letters == kMostLetters) refuse("a number that never ends");
      continue;
    }
    if ((bits & kSign) != 0) run -= std::int64_t{1} << (kBits * letters);
    if (counts.size() > 2) run += counts[counts.size() - 2];
    counts.push_back(run);
    run = 0;
    letters = 0;
  }
  if (letters > 0) refuse("an unfinished number at the end");
  check_runs(counts, rows, cols);
  return counts;
}

std::int64_t rle_area(std::span<const std::int64_t> counts, std::int64_t rows, std::int64_t cols) {
  check_runs(counts, rows, cols);
  std::int64_t area = 0;
  for (std::size_t i = 1; i < counts.size(); i += 2) area += counts[i];
  return area;
}

}  // namespace biplane
