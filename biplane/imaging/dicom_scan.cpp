#include "biplane/imaging/dicom_scan.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cstring>
#include <string_view>

#include "biplane/core/error.h"
#include "biplane/imaging/dicom.h"
#include "biplane/imaging/dicom_walk.h"

namespace biplane {
namespace {

constexpr std::size_t kPreamble = 128, kMetaStart = 132;

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
    throw Error(ErrorKind::kBadContent,
                name + ": damaged DICOM: its deflated content is incomplete");
  return data;
}

// A data set without file meta information: explicit VR if letters follow the first tag.
const char* guess_syntax(std::span<const std::byte> bytes) {
  const bool big = bytes.size() > 1 && bytes[0] == std::byte{0};
  const std::string_view vr =
      bytes.size() >= 6 ? std::string_view(reinterpret_cast<const char*>(bytes.data()) + 4, 2)
                        : std::string_view();
  const bool letters = is_value_representation(vr);
  if (letters) return big ? "1.2.840.10008.1.2.2" : "1.2.840.10008.1.2.1";
  return "1.2.840.10008.1.2";
}

const TransferSyntax* syntax_of(DicomScan& scan, const std::string& name) {
  scan.syntax_guessed = scan.syntax_uid.empty();
  if (scan.syntax_guessed) scan.syntax_uid = guess_syntax(scan.data_set);
  const TransferSyntax* known = find_transfer_syntax(scan.syntax_uid);
  if (known != nullptr) return known;
  // Headers of all that is compressed are explicit VR little endian (PS3.5 A.4).
  static constexpr TransferSyntax kUnknown{"",    "not known here",    true, false, false,
                                           false, PixelCodec::kUnknown};
  if (scan.header_only) return &kUnknown;
  const bool valid = scan.syntax_uid.size() <= 64 &&
                     scan.syntax_uid.find_first_not_of("0123456789.") == std::string::npos;
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: DICOM transfer syntax {} is not supported", name,
                          valid ? scan.syntax_uid + name_of_uid(scan.syntax_uid) : "(not a UID)"));
}

bool has_preamble(std::span<const std::byte> bytes) {
  return bytes.size() >= kMetaStart && std::memcmp(bytes.data() + kPreamble, "DICM", 4) == 0;
}

void check_pixel_size(const DicomScan& scan, const std::string& name, const DecodeLimits& limits) {
  const auto beyond = [&](const std::string& what) {
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", name, what));
  };
  if (!scan.has_pixels) beyond("a DICOM file without pixels");
  if (scan.rows < 1 || scan.cols < 1)
    beyond(fmt::format("an image of {} x {} pixels", scan.rows, scan.cols));
  if (scan.frames != 1) beyond(fmt::format("{} frames; only single images are read", scan.frames));
  if (scan.samples != 1 && scan.samples != 3)
    beyond(fmt::format("{} samples a pixel", scan.samples));
  if (scan.bits_allocated != 8 && scan.bits_allocated != 16)
    beyond(fmt::format("{} bits allocated a sample; 8 or 16 are read", scan.bits_allocated));
  const std::int64_t values = scan.rows * scan.cols * scan.samples;
  if (scan.rows > limits.max_side || scan.cols > limits.max_side || values > limits.max_pixels)
    beyond(
        fmt::format("{} x {} pixels of {} samples are beyond the limit of {} a side and {} in all",
                    scan.rows, scan.cols, scan.samples, limits.max_side, limits.max_pixels));
  const auto needed = static_cast<std::uint64_t>(values * scan.bits_allocated / 8);
  if (!scan.syntax->encapsulated() && scan.pixels.size() < needed)
    beyond(
        fmt::format("damaged DICOM: {} bytes of pixels instead of {}", scan.pixels.size(), needed));
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
  if (is_value_representation(vr)) return true;
  return little && (at(4) | at(5) << 8 | at(6) << 16 | at(7) << 24) <= bytes.size() - 8;
}

void scan_dicom(std::span<const std::byte> bytes, const std::string& name,
                const DecodeLimits& limits, DicomScan& scan) {
  if (static_cast<std::int64_t>(bytes.size()) > limits.max_file_bytes)
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {} bytes are more than the limit of {}",
                                                    name, bytes.size(), limits.max_file_bytes));
  if (!is_dicom(bytes)) throw Error(ErrorKind::kBadContent, name + ": not a DICOM file");
  const std::size_t start = DicomWalker(bytes, name, limits)
                                .walk_meta(has_preamble(bytes) ? kMetaStart : 0, scan.syntax_uid);
  scan.data_set = bytes.subspan(start);
  scan.syntax = syntax_of(scan, name);
  if (scan.syntax->deflated) {
    scan.inflated = inflate_data_set(scan.data_set, name, limits.max_file_bytes);
    scan.data_set = std::as_bytes(std::span(scan.inflated));
  }
  DicomWalker(scan.data_set, name, limits).walk(scan);
  if (!scan.header_only) check_pixel_size(scan, name, limits);
}

void prescan_dicom(std::span<const std::byte> bytes, const std::string& name,
                   const DecodeLimits& limits) {
  DicomScan scan;
  scan_dicom(bytes, name, limits, scan);
}

}  // namespace biplane
