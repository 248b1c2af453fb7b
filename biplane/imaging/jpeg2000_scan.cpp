#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "biplane/core/error.h"
#include "biplane/imaging/jpeg2000.h"
#include "biplane/imaging/jpeg2000_stream.h"

namespace biplane {
namespace {

enum Marker : std::uint32_t {
  kStart = 0xFF4F,
  kSize = 0xFF51,
  kCodingDefault = 0xFF52,
  kCodingComponent = 0xFF53,
  kTilePart = 0xFF90,
  kData = 0xFF93,
  kEnd = 0xFFD9
};

// Segments that may stand in a header beside those above: tile-part and packet lengths,
// quantization, region of interest, progression, registration, comment, capabilities. Packed packet
// headers (0xFF60, 0xFF61), which no radiograph has, are not among them.
constexpr std::array<std::uint32_t, 11> kOthers = {0xFF50, 0xFF55, 0xFF57, 0xFF58, 0xFF59, 0xFF5C,
                                                   0xFF5D, 0xFF5E, 0xFF5F, 0xFF63, 0xFF64};

constexpr std::int64_t kMostTiles = 4096;
// Packets of a tile: layers x resolutions x precincts, for each of which a decoder keeps a mark.
constexpr std::int64_t kMostPackets = 1 << 22;
constexpr int kLeastBlock = 6;                      // log2 of the pixels of a code-block
constexpr int kLeastPrecinct = 5, kLeastFirst = 4;  // log2 of a side; of the lowest resolution

class StreamCheck {
 public:
  StreamCheck(std::span<const std::byte> bytes, const std::string& name)
      : bytes_(bytes), name_(name), size_(jpeg2000_size(bytes, name)) {}

  void run() {
    const auto tiles = pieces(size_.cols, size_.tile_cols) * pieces(size_.rows, size_.tile_rows);
    if (tiles > kMostTiles) bad(fmt::format("more than {} tiles", kMostTiles));
    seen_.assign(static_cast<std::size_t>(tiles), false);
    std::size_t at = header(2, kTilePart);
    while (at + 2 <= bytes_.size() && number(at, 2) == kTilePart) at = tile_part(at);
    // The end marker itself is forgotten by some writers.
    if (at + 2 <= bytes_.size() && number(at, 2) != kEnd) bad("something that is no tile");
    if (std::find(seen_.begin(), seen_.end(), false) != seen_.end()) bad("a tile is missing");
  }

 private:
  static std::int64_t pieces(std::int64_t whole, std::int64_t part) {
    return (whole + part - 1) / part;
  }

  [[noreturn]] void bad(const std::string& what) const { refuse_jpeg2000(name_, what); }

  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) bad("it ends inside a header");
    return big_endian(bytes_, at, size);
  }

  // The segments from `at` to the marker `last`, whose position is returned.
  std::size_t header(std::size_t at, Marker last) {
    for (;;) {
      const std::uint32_t marker = number(at, 2);
      if (marker == last) return at;
      const std::uint32_t length = number(at + 2, 2);
      if (length < 2 || length > bytes_.size() - at - 2) bad("a segment beyond its end");
      if (marker == kCodingDefault) {
        layers_ = number(at + 6, 2);
        coding(at + 9, at + 2 + length, (number(at + 4, 1) & 1) != 0);
      } else if (marker == kCodingComponent) {
        coding(at + 6, at + 2 + length, (number(at + 5, 1) & 1) != 0);
      } else if (marker != kSize &&
                 std::find(kOthers.begin(), kOthers.end(), marker) == kOthers.end()) {
        bad(fmt::format("a segment {:04x}, which is not read", marker));
      }
      at += 2 + length;
    }
  }

  // The parameters at `at` that COD and COC have in common, up to `end`.
  void coding(std::size_t at, std::size_t end, bool own_precincts) {
    const int levels = static_cast<int>(number(at, 1));
    const int block = static_cast<int>((number(at + 1, 1) & 15) + (number(at + 2, 1) & 15)) + 4;
    if (levels > 32) bad(fmt::format("{} decomposition levels", levels));
    if (block < kLeastBlock) bad("code-blocks of less than 64 pixels");
    std::int64_t most = 1;
    for (int r = 0; own_precincts && r <= levels; ++r) {
      const std::size_t place = at + 5 + static_cast<std::size_t>(r);
      if (place >= end) bad("precincts without a size");
      const int across = static_cast<int>(number(place, 1) & 15);
      const int down = static_cast<int>(number(place, 1) >> 4);
      if (std::min(across, down) < (r == 0 ? kLeastFirst : kLeastPrecinct))
        bad("precincts of a few pixels");
      const auto count = [&](std::int64_t side, int exponent) {
        return (side >> std::min(62, levels - r + exponent)) + 2;
      };
      most = std::max(most, count(tile_cols(), across) * count(tile_rows(), down));
    }
    per_layer_ = std::max(per_layer_, (levels + 1) * most);
    if ((layers_ + 1) * per_layer_ > kMostPackets) bad("too many packets in a tile");
  }

  std::int64_t tile_rows() const { return std::min(size_.rows, size_.tile_rows); }
  std::int64_t tile_cols() const { return std::min(size_.cols, size_.tile_cols); }

  // Returns the position behind it.
  std::size_t tile_part(std::size_t at) {
    const std::uint32_t tile = number(at + 4, 2), length = number(at + 6, 4);
    if (tile >= seen_.size()) bad(fmt::format("a tile {} of {}", tile, seen_.size()));
    seen_[tile] = true;
    const std::size_t data = header(at + 12, kData) + 2;
    if (length == 0) return last_marker();  // the last one may leave it open
    if (length > bytes_.size() - at || at + length < data) bad("a tile-part beyond its end");
    return at + length;
  }

  // Where the stream's last two bytes that are not padding begin.
  std::size_t last_marker() const {
    std::size_t end = bytes_.size();
    while (end > 2 && bytes_[end - 1] == std::byte{0}) --end;
    return end - 2;
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  Jpeg2000Size size_;
  std::vector<bool> seen_;  // by tile
  std::int64_t layers_ = 1, per_layer_ = 0;
};

}  // namespace

void refuse_jpeg2000(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: damaged DICOM: its JPEG 2000 stream: {}", name, what));
}

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

std::span<const std::byte> codestream_of(std::span<const std::byte> stream) {
  constexpr std::uint32_t kSignature = 0x6A502020, kCodestream = 0x6A703263;  // "jP  ", "jp2c"
  if (stream.size() < 12 || big_endian(stream, 4, 4) != kSignature) return stream;
  for (std::size_t at = 0; at + 8 <= stream.size();) {
    if (big_endian(stream, at + 4, 4) == kCodestream) return stream.subspan(at + 8);
    const std::uint32_t length = big_endian(stream, at, 4);
    if (length < 8 || length > stream.size() - at) break;
    at += length;
  }
  return stream;
}

Jpeg2000Size jpeg2000_size(std::span<const std::byte> stream, const std::string& name) {
  const std::span<const std::byte> bytes = codestream_of(stream);
  constexpr std::size_t kFirstComponent = 42;
  if (bytes.size() < kFirstComponent + 3 || big_endian(bytes, 0, 2) != kStart ||
      big_endian(bytes, 2, 2) != kSize)
    refuse_jpeg2000(name, "it does not begin with its size");
  const auto number = [&](std::size_t at) { return std::int64_t{big_endian(bytes, at, 4)}; };
  Jpeg2000Size size;
  size.cols = number(8) - number(16);
  size.rows = number(12) - number(20);
  size.tile_cols = number(24);
  size.tile_rows = number(28);
  size.components = static_cast<int>(big_endian(bytes, 40, 2));
  size.precision = static_cast<int>(big_endian(bytes, kFirstComponent, 1) & 127) + 1;
  size.is_signed = (big_endian(bytes, kFirstComponent, 1) & 128) != 0;
  if (size.rows < 1 || size.cols < 1 || size.tile_rows < 1 || size.tile_cols < 1)
    refuse_jpeg2000(name, "an image or tiles without pixels");
  if (big_endian(bytes, kFirstComponent + 1, 2) != 0x0101)
    refuse_jpeg2000(name, "values that do not stand for one pixel each");
  return size;
}

void check_jpeg2000_stream(std::span<const std::byte> stream, const std::string& name) {
  StreamCheck(codestream_of(stream), name).run();
}

}  // namespace biplane
