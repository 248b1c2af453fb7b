#include "biplane/imaging/orientation.h"

#include <cstdint>

namespace biplane {
namespace {

// Bounds-checked numbers of a TIFF structure in its byte order.
class TiffBytes {
 public:
  TiffBytes(std::span<const std::byte> bytes, bool big) : bytes_(bytes), big_(big) {}
  bool has(std::size_t at, std::size_t size) const {
    return at <= bytes_.size() && size <= bytes_.size() - at;
  }
  std::uint32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t from = big_ ? at + i : at + size - 1 - i;
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[from]);
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  bool big_;
};

}  // namespace

int exif_orientation(std::span<const std::byte> tiff) {
  constexpr std::uint32_t kOrientation = 0x0112, kShort = 3;
  if (tiff.size() < 8) return 1;
  const bool big = tiff[0] == std::byte{'M'};
  if (tiff[0] != tiff[1] || (!big && tiff[0] != std::byte{'I'})) return 1;
  const TiffBytes bytes(tiff, big);
  const std::size_t directory = bytes.number(4, 4);
  if (bytes.number(2, 2) != 42 || !bytes.has(directory, 2)) return 1;
  const std::uint32_t entries = bytes.number(directory, 2);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * std::size_t{i};
    if (!bytes.has(entry, 12)) return 1;
    if (bytes.number(entry, 2) != kOrientation || bytes.number(entry + 2, 2) != kShort) continue;
    const std::uint32_t value = bytes.number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace biplane
