#include "biplane/imaging/dicom_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "biplane/core/error.h"

namespace biplane {
namespace {

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

}  // namespace

bool is_value_representation(std::string_view letters) {
  return in_list(kShortVrs, letters) || in_list(kLongVrs, letters);
}

void DicomWalker::bad(const std::string& what) const {
  throw Error(ErrorKind::kBadContent, fmt::format("{}: damaged DICOM: {}", name_, what));
}

void DicomWalker::need(std::size_t at, std::size_t size, std::size_t limit) const {
  if (at > limit || size > limit - at) bad(fmt::format("it ends inside an element at byte {}", at));
}

std::uint32_t DicomWalker::number(std::size_t at, std::size_t size, bool big) const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes_[big ? at + i : at + size - 1 - i]);
  return value;
}

std::string_view DicomWalker::text(std::size_t at, std::size_t size) const {
  return {reinterpret_cast<const char*>(bytes_.data()) + at, size};
}

DicomElement DicomWalker::header(std::size_t at, const DicomLevel& level) const {
  need(at, 8, level.limit);
  DicomElement e;
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

std::size_t DicomWalker::walk_meta(std::size_t at, std::string& syntax) {
  DicomLevel level;
  level.limit = bytes_.size();
  level.explicit_vr = true;
  while (at + 2 <= bytes_.size() && number(at, 2, false) == 2) {
    const DicomElement e = header(at, level);
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

void DicomWalker::walk(DicomScan& scan) {
  DicomLevel root;
  root.limit = bytes_.size();
  root.explicit_vr = scan.syntax->explicit_vr;
  root.big_endian = scan.syntax->big_endian;
  levels_ = {root};
  scan.header_end = bytes_.size();
  std::size_t at = 0;
  while (!levels_.empty()) {
    const DicomLevel& level = levels_.back();
    if (at == level.limit && !level.undefined) {
      if (level.kind == DicomLevel::Kind::kItems) --depth_;
      levels_.pop_back();
      continue;
    }
    at = step(at, scan);
  }
}

// Reads one element, item or delimiter; returns the position behind it, or of its content if that
// is walked over too.
std::size_t DicomWalker::step(std::size_t at, DicomScan& scan) {
  const DicomLevel level = levels_.back();
  const DicomElement e = header(at, level);
  if (++elements_ > limits_.max_dicom_elements)
    bad(fmt::format("more than {} data elements", limits_.max_dicom_elements));
  const bool elements = level.kind == DicomLevel::Kind::kElements;
  if (e.tag == kPixelData && levels_.size() == 1) {
    if (scan.has_pixels) bad("pixels twice");
    scan.has_pixels = true;
    scan.header_end = at;
    if (scan.header_only) levels_.clear();
    if (scan.header_only) return at;
  }
  if (e.tag == (elements ? kItemEnd : kSequenceEnd) && level.undefined) {
    if (e.length != 0) bad("a delimiter with a value");
    if (level.kind == DicomLevel::Kind::kFragments && level.fragments < 2)
      bad("compressed pixels without data");
    if (level.kind == DicomLevel::Kind::kItems) --depth_;
    levels_.pop_back();
    return e.value;
  }
  if (e.length != kUndefined) need(e.value, e.length, level.limit);
  return elements ? element(e, scan) : item(e, scan);
}

void DicomWalker::open(DicomLevel level, const DicomElement& e) {
  const DicomLevel& parent = levels_.back();
  level.undefined = e.length == kUndefined;
  level.limit = level.undefined ? parent.limit : e.value + e.length;
  if (level.kind == DicomLevel::Kind::kItems && ++depth_ > limits_.max_dicom_depth)
    bad(fmt::format("sequences nested deeper than {}", limits_.max_dicom_depth));
  levels_.push_back(level);
}

std::size_t DicomWalker::element(const DicomElement& e, DicomScan& scan) {
  DicomLevel inner = levels_.back();
  if (e.tag >> 16 == 0xFFFE) bad("an item outside a sequence");
  const auto group = static_cast<std::uint16_t>(e.tag >> 16);
  const auto number_in_group = static_cast<std::uint16_t>(e.tag & 0xFFFF);
  const bool undefined = e.length == kUndefined;
  if (e.tag == kPixelData && undefined) {
    if (!scan.syntax->encapsulated()) bad("encapsulated pixels in an uncompressed transfer syntax");
    inner.kind = DicomLevel::Kind::kFragments;
    inner.fragments = 0;
    open(inner, e);
    return e.value;
  }
  const bool unknown = e.vr == "UN";
  const bool named = e.vr == "SQ" || (e.vr.empty() && dictionary_sequence(group, number_in_group));
  if (named || (undefined && (unknown || (e.vr.empty() && group % 2 == 1)))) {
    inner.kind = DicomLevel::Kind::kItems;
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

std::size_t DicomWalker::item(const DicomElement& e, DicomScan& scan) {
  DicomLevel& level = levels_.back();
  if (e.tag != kItem) bad("something that is no item in a sequence");
  if (level.kind == DicomLevel::Kind::kItems) {
    DicomLevel inner = level;
    inner.kind = DicomLevel::Kind::kElements;
    open(inner, e);
    return e.value;
  }
  if (e.length == kUndefined) bad("a compressed fragment without a length");
  ++level.fragments;
  if (level.fragments == 1 && e.length % 4 != 0) bad("a damaged offset table");
  if (level.fragments >= 2 && levels_.size() == 2)
    scan.fragments.push_back(bytes_.subspan(e.value, e.length));
  if (level.fragments == 2 && levels_.size() == 2)
    check_fragment(scan.fragments.front(), scan, name_);
  return e.value + e.length;
}

void DicomWalker::note_value(const DicomElement& e, DicomScan& scan) const {
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
      if (scan.syntax->encapsulated())
        bad("pixels without fragments in a compressed transfer syntax");
      scan.pixels = bytes_.subspan(e.value, e.length);
      break;
    default:
      break;
  }
}

}  // namespace biplane
