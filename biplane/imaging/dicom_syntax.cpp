#include <fmt/format.h>

#include <array>

#include "biplane/core/error.h"
#include "biplane/imaging/dicom_scan.h"
#include "biplane/imaging/jpeg2000.h"

namespace biplane {
namespace {

using enum PixelCodec;

constexpr std::array<TransferSyntax, 13> kSyntaxes = {{
    // uid, name, explicit, big, deflated, lossless, codec
    {"1.2.840.10008.1.2", "Implicit VR Little Endian", false, false, false, true, kNative},
    {"1.2.840.10008.1.2.1", "Explicit VR Little Endian", true, false, false, true, kNative},
    {"1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", true, false, true, true,
     kNative},
    {"1.2.840.10008.1.2.2", "Explicit VR Big Endian", true, true, false, true, kNative},
    {"1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", true, false, false, false, kJpeg},
    {"1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", true, false, false, false, kJpeg},
    {"1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", true, false, false,
     true, kJpeg},
    {"1.2.840.10008.1.2.4.70",
     "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
     true, false, false, true, kJpeg},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression", true, false, false, true,
     kJpeg},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression", true, false,
     false, false, kJpeg},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 Image Compression (Lossless Only)", true, false, false,
     true, kJpeg2000},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000 Image Compression", true, false, false, false, kJpeg2000},
    {"1.2.840.10008.1.2.5", "RLE Lossless", true, false, false, true, kRle},
}};

[[noreturn]] void bad(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::kBadContent, fmt::format("{}: damaged DICOM: {}", name, what));
}

std::uint32_t number(std::span<const std::byte> bytes, std::size_t at, std::size_t size, bool big) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[big ? at + i : at + size - 1 - i]);
  return value;
}

void check_rle(std::span<const std::byte> fragment, const DicomScan& scan,
               const std::string& name) {
  constexpr std::size_t kTable = 64;
  if (fragment.size() < kTable) bad(name, "an RLE fragment of less than 64 bytes");
  const std::uint32_t segments = number(fragment, 0, 4, false);
  const std::int64_t expected = scan.samples * ((scan.bits_allocated + 7) / 8);
  if (segments != expected)
    bad(name, fmt::format("{} RLE segments instead of {}", segments, expected));
  std::uint32_t previous = 0;
  for (std::size_t i = 0; i < segments; ++i) {
    const std::uint32_t offset = number(fragment, 4 + 4 * i, 4, false);
    if (offset < kTable || offset <= previous || offset >= fragment.size())
      bad(name, "an RLE segment outside its fragment");
    previous = offset;
  }
}

// Walks over the marker segments up to the frame header.
void check_jpeg(std::span<const std::byte> fragment, const DicomScan& scan,
                const std::string& name) {
  if (fragment.size() < 4 || number(fragment, 0, 2, true) != 0xFFD8)
    bad(name, "the compressed data are not a JPEG stream");
  std::size_t at = 2;
  while (at + 4 <= fragment.size()) {
    const std::uint32_t marker = number(fragment, at, 2, true);
    if (marker == 0xFFFF) {  // fill byte
      ++at;
      continue;
    }
    const std::uint32_t length = number(fragment, at + 2, 2, true);
    if (marker < 0xFFC0 || length < 2 || length > fragment.size() - at - 2) break;
    const bool tables = marker == 0xFFC4 || marker == 0xFFC8 || marker == 0xFFCC;
    const bool frame = (marker <= 0xFFCF && !tables) || marker == 0xFFF7;
    if (frame) {
      if (length < 8) break;
      const std::uint32_t precision = number(fragment, at + 4, 1, true);
      if (precision > scan.bits_allocated)
        bad(name, fmt::format("a JPEG stream of {} bits in {} allocated", precision,
                              scan.bits_allocated));
      const std::uint32_t rows = number(fragment, at + 5, 2, true);
      const std::uint32_t cols = number(fragment, at + 7, 2, true);
      const std::uint32_t samples = number(fragment, at + 9, 1, true);
      if (rows != scan.rows || cols != scan.cols || samples != scan.samples)
        bad(name, fmt::format("the JPEG stream has {} x {} x {} values, the header {} x {} x {}",
                              rows, cols, samples, scan.rows, scan.cols, scan.samples));
      return;
    }
    if (marker == 0xFFDA || marker == 0xFFD9) break;
    at += 2 + length;
  }
  bad(name, "the JPEG stream has no frame header");
}

void check_jpeg2000(std::span<const std::byte> fragment, const DicomScan& scan,
                    const std::string& name) {
  const Jpeg2000Size size = jpeg2000_size(fragment, name);
  if (size.rows != scan.rows || size.cols != scan.cols || size.components != scan.samples)
    bad(name,
        fmt::format("the JPEG 2000 stream has {} x {} x {} values, the header {} x {} x {}",
                    size.rows, size.cols, size.components, scan.rows, scan.cols, scan.samples));
  if (size.precision > scan.bits_allocated)
    bad(name, fmt::format("a JPEG 2000 stream of {} bits in {} allocated", size.precision,
                          scan.bits_allocated));
}

}  // namespace

const TransferSyntax* find_transfer_syntax(const std::string& uid) {
  for (const TransferSyntax& syntax : kSyntaxes)
    if (uid == syntax.uid) return &syntax;
  return nullptr;
}

void check_fragment(std::span<const std::byte> fragment, const DicomScan& scan,
                    const std::string& name) {
  switch (scan.syntax->codec) {
    case PixelCodec::kRle:
      return check_rle(fragment, scan, name);
    case PixelCodec::kJpeg:
      return check_jpeg(fragment, scan, name);
    case PixelCodec::kJpeg2000:
      return check_jpeg2000(fragment, scan, name);
    case PixelCodec::kNative:
    case PixelCodec::kUnknown:
      return;
  }
}

}  // namespace biplane
