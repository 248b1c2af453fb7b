#include "biplane/imaging/dicom_scan.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/imaging/dicom.h"

namespace biplane {
namespace {

constexpr std::size_t kPreamble = 128, kMetaStart = 132;
constexpr std::uint32_t kUndefined = 0xFFFFFFFF;
constexpr std::uint32_t kItem = 0xFFFEE000, kItemEnd = 0xFFFEE00D, kSequenceEnd = 0xFFFEE0DD;
constexpr std::uint32_t kPixelData = 0x7FE00010;
constexpr std::string_view kShortVrs = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS";
constexpr std::string_view kLongVrs = "OBODOFOLOVOWSQSVUCUNURUTUV";

bool in_list(std::string_view list, std::string_view vr) {
  for (std::size_t i = 0; i < list.size(); i += 2)
    if (list.substr(i, 2) == vr) return true;
  return false;
}

struct Element {
  std::uint32_t tag = 0;
  std::string_view vr;  // empty: implicit VR, items and delimiters
  std::uint32_t length = 0;
  std::size_t value = 0;  // position of the value
};

// One level of nesting. `limit`: the first position that does not belong to it.
struct Level {
  enum class Kind { kElements, kItems, kFragments };
  Kind kind = Kind::kElements;
  std::size_t limit = 0;
  bool undefined = false;  // ends with a delimiter, not at `limit`
  bool explicit_vr = false, big_endian = false;
  std::uint64_t fragments = 0;
};

// The walk. Levels are kept on a stack of our own, so that nesting cannot exhaust the thread's stack.
class Walker {
 public:
  Walker(std::span<const std::byte> bytes, const std::string& name, const DecodeLimits& limits)
      : bytes_(bytes), name_(name), limits_(limits) {}

  void walk(DicomScan& scan);
  // File meta information from `at`: always explicit VR little endian. Returns the position behind it and
  // sets the transfer syntax if it is given.
  std::size_t walk_meta(std::size_t at, std::string& syntax);

 private:
  [[noreturn]] void bad(const std::string& what) const {
    throw Error(ErrorKind::kBadContent, fmt::format("{}: damaged DICOM: {}", name_, what));
  }
  void need(std::size_t at, std::size_t size, std::size_t limit) const {
    if (at > limit || size > limit - at) bad(fmt::format("it ends inside an element at byte {}", at));
  }
  std::uint32_t number(std::size_t at, std::size_t size, bool big) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[big ? at + i : at + size - 1 - i]);
    return value;
  }
  std::string_view text(std::size_t at, std::size_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at, size};
  }
  Element header(std::size_t at, const Level& level) const;
  std::size_t step(std::size_t at, DicomScan& scan);
  std::size_t element(const Element& e, DicomScan& scan);
  std::size_t item(const Element& e, DicomScan& scan);
  void open(Level level, const Element& e);
  void note_value(const Element& e, DicomScan& scan) const;

  std::span<const std::byte> bytes_;
  const std::string& name_;
  const DecodeLimits& limits_;
  std::vector<Level> levels_;
  std::int64_t elements_ = 0;
  int depth_ = 0;
};

Element Walker::header(std::size_t at, const Level& level) const {
  need(at, 8, level.limit);
  Element e;
  e.tag = number(at, 2, level.big_endian) << 16 | number(at + 2, 2, level.big_endian);
  e.value = at + 8;
  if (e.tag >> 16 == 0xFFFE || !level.explicit_vr) {
    e.length = number(at + 4, 4, level.big_endian);
    return e;
  }
  e.vr = text(at + 4, 2);
  if (in_list(kShortVrs, e.vr)) {
    e.length = number(at + 6, 2, level.big_endian);
  } else if (in_list(kLongVrs, e.vr)) {
    need(at, 12, level.limit);
    e.length = number(at + 8, 4, level.big_endian);
    e.value = at + 12;
  } else {
    bad(fmt::format("no value representation at byte {}", at));
  }
  return e;
}

std::size_t Walker::walk_meta(std::size_t at, std::string& syntax) {
  Level level;
  level.limit = bytes_.size();
  level.explicit_vr = true;
  while (at + 2 <= bytes_.size() && number(at, 2, false) == 2) {
    const Element e = header(at, level);
    need(e.value, e.length, level.limit);
    if (e.tag == 0x00020010) {
      std::string_view uid = text(e.value, e.length);
      while (!uid.empty() && (uid.back() == '\0' || uid.back() == ' ')) uid.remove_suffix(1);
      syntax = uid;
    }
    if (++elements_ > limits_.max_dicom_elements) bad("too many data elements");
    at = e.value + e.length;
  }
  return at;
}

void Walker::walk(DicomScan& scan) {
  Level root;
  root.limit = bytes_.size();
  root.explicit_vr = scan.syntax->explicit_vr;
  root.big_endian = scan.syntax->big_endian;
  levels_ = {root};
  std::size_t at = 0;
  while (!levels_.empty()) {
    const Level& level = levels_.back();
    if (at == level.limit && !level.undefined) {
      if (level.kind == Level::Kind::kItems) --depth_;
      levels_.pop_back();
      continue;
    }
    at = step(at, scan);
  }
}

// Reads one element, item or delimiter; returns the position behind it, or of its content if that is walked over too.
std::size_t Walker::step(std::size_t at, DicomScan& scan) {
  const Level level = levels_.back();
  const Element e = header(at, level);
  if (++elements_ > limits_.max_dicom_elements)
    bad(fmt::format("more than {} data elements", limits_.max_dicom_elements));
  const bool elements = level.kind == Level::Kind::kElements;
  if (e.tag == (elements ? kItemEnd : kSequenceEnd) && level.undefined) {
    if (e.length != 0) bad("a delimiter with a value");
    if (level.kind == Level::Kind::kFragments && level.fragments < 2) bad("compressed pixels without data");
    if (level.kind == Level::Kind::kItems) --depth_;
    levels_.pop_back();
    return e.value;
  }
  if (e.length != kUndefined) need(e.value, e.length, level.limit);
  return elements ? element(e, scan) : item(e, scan);
}

void Walker::open(Level level, const Element& e) {
  const Level& parent = levels_.back();
  level.undefined = e.length == kUndefined;
  level.limit = level.undefined ? parent.limit : e.value + e.length;
  if (level.kind == Level::Kind::kItems && ++depth_ > limits_.max_dicom_depth)
    bad(fmt::format("sequences nested deeper than {}", limits_.max_dicom_depth));
  levels_.push_back(level);
}

std::size_t Walker::element(const Element& e, DicomScan& scan) {
  Level inner = levels_.back();
  if (e.tag >> 16 == 0xFFFE) bad("an item outside a sequence");
  const auto group = static_cast<std::uint16_t>(e.tag >> 16);
  const auto number_in_group = static_cast<std::uint16_t>(e.tag & 0xFFFF);
  const bool undefined = e.length == kUndefined;
  if (e.tag == kPixelData && undefined) {
    if (!scan.syntax->encapsulated) bad("encapsulated pixels in an uncompressed transfer syntax");
    if (levels_.size() == 1) scan.has_pixels = true;
    inner.kind = Level::Kind::kFragments;
    inner.fragments = 0;
    open(inner, e);
    return e.value;
  }
  const bool unknown = e.vr == "UN";
  const bool named = e.vr == "SQ" || (e.vr.empty() && dictionary_sequence(group, number_in_group));
  if (named || (undefined && (unknown || (e.vr.empty() && group % 2 == 1)))) {
    inner.kind = Level::Kind::kItems;
    if (unknown) {  // such content is always implicit VR little endian (PS3.5 6.2.2)
      inner.explicit_vr = false;
      inner.big_endian = false;
    }
    open(inner, e);
    return e.value;
  }
  if (undefined) bad(fmt::format("element ({:04x},{:04x}) has no length", group, number_in_group));
  if (levels_.size() == 1) note_value(e, scan);
  return e.value + e.length;
}

std::size_t Walker::item(const Element& e, DicomScan& scan) {
  Level& level = levels_.back();
  if (e.tag != kItem) bad("something that is no item in a sequence");
  if (level.kind == Level::Kind::kItems) {
    Level inner = level;
    inner.kind = Level::Kind::kElements;
    open(inner, e);
    return e.value;
  }
  if (e.length == kUndefined) bad("a compressed fragment without a length");
  ++level.fragments;
  if (level.fragments == 1 && e.length % 4 != 0) bad("a damaged offset table");
  if (level.fragments == 2 && levels_.size() == 2)
    check_fragment(bytes_.subspan(e.value, e.length), scan, name_);
  return e.value + e.length;
}

void Walker::note_value(const Element& e, DicomScan& scan) const {
  const bool big = levels_.front().big_endian;
  const auto number_of = [&] { return e.length >= 2 ? std::int64_t{number(e.value, 2, big)} : 0; };
  switch (e.tag) {
    case 0x00080016: {
      std::string_view uid = text(e.value, e.length);
      while (!uid.empty() && (uid.back() == '\0' || uid.back() == ' ')) uid.remove_suffix(1);
      scan.sop_class = uid;
      break;
    }
    case 0x00280002:
      scan.samples = number_of();
      break;
    case 0x00280008: {
      const std::string_view digits = text(e.value, e.length);
      const std::size_t first = std::min(digits.find_first_not_of(' '), digits.size());
      scan.frames = 0;
      std::from_chars(digits.data() + first, digits.data() + digits.size(), scan.frames);
      break;
    }
    case 0x00280010:
      scan.rows = number_of();
      break;
    case 0x00280011:
      scan.cols = number_of();
      break;
    case 0x00280100:
      scan.bits_allocated = number_of();
      break;
    case kPixelData:
      if (scan.syntax->encapsulated) bad("pixels without fragments in a compressed transfer syntax");
      scan.has_pixels = true;
      scan.pixel_bytes = e.length;
      break;
    default:
      break;
  }
}

// Raw deflate stream -> data set, at most `limit` bytes.
std::string inflate_data_set(std::span<const std::byte> bytes, const std::string& name,
                             std::int64_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    throw Error(ErrorKind::kFailure, name + ": no memory to inflate");
  std::string data;
  std::array<char, 1 << 16> chunk;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  int code = Z_OK;
  while (code == Z_OK && static_cast<std::int64_t>(data.size()) <= limit) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = chunk.size();
    code = inflate(&stream, Z_NO_FLUSH);
    data.append(chunk.data(), chunk.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (static_cast<std::int64_t>(data.size()) > limit)
    throw Error(ErrorKind::kBadContent,
                fmt::format("{}: its deflated content is larger than {} bytes", name, limit));
  if (code != Z_STREAM_END)
    throw Error(ErrorKind::kBadContent, name + ": damaged DICOM: its deflated content is incomplete");
  return data;
}

// A data set without file meta information: explicit VR if letters follow the first tag.
const char* guess_syntax(std::span<const std::byte> bytes) {
  const bool big = bytes.size() > 1 && bytes[0] == std::byte{0};
  const std::string_view vr = bytes.size() >= 6
                                  ? std::string_view(reinterpret_cast<const char*>(bytes.data()) + 4, 2)
                                  : std::string_view();
  const bool letters = in_list(kShortVrs, vr) || in_list(kLongVrs, vr);
  if (letters) return big ? "1.2.840.10008.1.2.2" : "1.2.840.10008.1.2.1";
  return "1.2.840.10008.1.2";
}

bool has_preamble(std::span<const std::byte> bytes) {
  return bytes.size() >= kMetaStart && std::memcmp(bytes.data() + kPreamble, "DICM", 4) == 0;
}

void check_pixel_size(const DicomScan& scan, const std::string& name, const DecodeLimits& limits) {
  const auto beyond = [&](const std::string& what) {
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", name, what));
  };
  if (!scan.has_pixels) beyond("a DICOM file without pixels");
  if (scan.rows < 1 || scan.cols < 1) beyond(fmt::format("an image of {} x {} pixels", scan.rows, scan.cols));
  if (scan.frames != 1) beyond(fmt::format("{} frames; only single images are read", scan.frames));
  if (scan.samples != 1 && scan.samples != 3) beyond(fmt::format("{} samples a pixel", scan.samples));
  if (scan.bits_allocated != 8 && scan.bits_allocated != 16)
    beyond(fmt::format("{} bits allocated a sample; 8 or 16 are read", scan.bits_allocated));
  const std::int64_t values = scan.rows * scan.cols * scan.samples;
  if (scan.rows > limits.max_side || scan.cols > limits.max_side || values > limits.max_pixels)
    beyond(fmt::format("{} x {} pixels of {} samples are beyond the limit of {} a side and {} in all",
                       scan.rows, scan.cols, scan.samples, limits.max_side, limits.max_pixels));
  const auto needed = static_cast<std::uint64_t>(values * scan.bits_allocated / 8);
  if (!scan.syntax->encapsulated && scan.pixel_bytes < needed)
    beyond(fmt::format("damaged DICOM: {} bytes of pixels instead of {}", scan.pixel_bytes, needed));
}

}  // namespace

bool is_dicom(std::span<const std::byte> bytes) {
  if (has_preamble(bytes)) return true;
  if (bytes.size() < 16) return false;
  // First element of group 0002 or 0008 with a small element number and a length that fits.
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  const bool little = (at(0) == 2 || at(0) == 8) && at(1) == 0 && at(3) == 0;
  const bool big = at(0) == 0 && at(1) == 8 && at(2) == 0;
  if (!little && !big) return false;
  const std::string_view vr(reinterpret_cast<const char*>(bytes.data()) + 4, 2);
  if (in_list(kShortVrs, vr) || in_list(kLongVrs, vr)) return true;
  return little && (at(4) | at(5) << 8 | at(6) << 16 | at(7) << 24) <= bytes.size() - 8;
}

void scan_dicom(std::span<const std::byte> bytes, const std::string& name,
                const DecodeLimits& limits, DicomScan& scan) {
  if (static_cast<std::int64_t>(bytes.size()) > limits.max_file_bytes)
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {} bytes are more than the limit of {}", name,
                                                    bytes.size(), limits.max_file_bytes));
  if (!is_dicom(bytes)) throw Error(ErrorKind::kBadContent, name + ": not a DICOM file");
  std::string uid;
  const std::size_t start =
      Walker(bytes, name, limits).walk_meta(has_preamble(bytes) ? kMetaStart : 0, uid);
  scan.data_set = bytes.subspan(start);
  if (uid.empty()) uid = guess_syntax(scan.data_set);
  scan.syntax = find_transfer_syntax(uid);
  if (scan.syntax == nullptr) {
    const bool valid = uid.size() <= 64 && uid.find_first_not_of("0123456789.") == std::string::npos;
    throw Error(ErrorKind::kBadContent, fmt::format("{}: DICOM transfer syntax {} is not supported", name,
                                                    valid ? uid : "(not a UID)"));
  }
  if (scan.syntax->deflated) {
    scan.inflated = inflate_data_set(scan.data_set, name, limits.max_file_bytes);
    scan.data_set = std::as_bytes(std::span(scan.inflated));
  }
  Walker(scan.data_set, name, limits).walk(scan);
  check_pixel_size(scan, name, limits);
}

void prescan_dicom(std::span<const std::byte> bytes, const std::string& name,
                   const DecodeLimits& limits) {
  DicomScan scan;
  scan_dicom(bytes, name, limits, scan);
}

}  // namespace biplane
