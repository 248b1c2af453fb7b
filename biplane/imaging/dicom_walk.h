#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/imaging/dicom_scan.h"

namespace biplane {

// True for the two letters of a value representation of the standard.
bool is_value_representation(std::string_view letters);

// Header of a data element, an item or a delimiter.
struct DicomElement {
  std::uint32_t tag = 0;
  std::string_view vr;  // empty: implicit VR, items and delimiters
  std::uint32_t length = 0;
  std::size_t value = 0;  // position of the value
};

// One level of nesting. `limit`: the first position that does not belong to it.
struct DicomLevel {
  enum class Kind { kElements, kItems, kFragments };
  Kind kind = Kind::kElements;
  std::size_t limit = 0;
  bool undefined = false;  // ends with a delimiter, not at `limit`
  bool explicit_vr = false, big_endian = false;
  std::uint64_t fragments = 0;
};

// The walk. Levels are kept on a stack of our own, so that nesting cannot exhaust the thread's
// stack.
class DicomWalker {
 public:
  DicomWalker(std::span<const std::byte> bytes, const std::string& name, const DecodeLimits& limits)
      : bytes_(bytes), name_(name), limits_(limits) {}

  void walk(DicomScan& scan);
  // File meta information from `at`: always explicit VR little endian. Returns the position behind
  // it and sets the transfer syntax if it is given.
  std::size_t walk_meta(std::size_t at, std::string& syntax);

 private:
  [[noreturn]] void bad(const std::string& what) const;
  void need(std::size_t at, std::size_t size, std::size_t limit) const;
  std::uint32_t number(std::size_t at, std::size_t size, bool big) const;
  std::string_view text(std::size_t at, std::size_t size) const;
  DicomElement header(std::size_t at, const DicomLevel& level) const;
  std::size_t step(std::size_t at, DicomScan& scan);
  std::size_t element(const DicomElement& e, DicomScan& scan);
  std::size_t item(const DicomElement& e, DicomScan& scan);
  void open(DicomLevel level, const DicomElement& e);
  void note_value(const DicomElement& e, DicomScan& scan) const;

  std::span<const std::byte> bytes_;
  const std::string& name_;
  const DecodeLimits& limits_;
  std::vector<DicomLevel> levels_;
  std::int64_t elements_ = 0;
  int depth_ = 0;
};

}  // namespace biplane
