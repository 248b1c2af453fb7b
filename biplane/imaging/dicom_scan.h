#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "biplane/imaging/limits.h"

namespace biplane {

// How the pixels of a transfer syntax are written; kUnknown: they cannot be read here.
enum class PixelCodec { kNative, kRle, kJpeg, kJpeg2000, kUnknown };

// A transfer syntax that is known here.
struct TransferSyntax {
  const char* uid;
  const char* name;  // of the standard
  bool explicit_vr, big_endian, deflated, lossless;
  PixelCodec codec;

  bool encapsulated() const { return codec != PixelCodec::kNative; }
};

// nullptr for a transfer syntax that is not known.
const TransferSyntax* find_transfer_syntax(const std::string& uid);

// What the walk over the data elements found.
struct DicomScan {
  // Set by the caller: stop at the pixels and check nothing of them; an unknown transfer syntax is
  // no error then. For headers of files of which only the beginning was read.
  bool header_only = false;
  const TransferSyntax* syntax = nullptr;
  std::string syntax_uid;  // as the file says, or
  bool syntax_guessed = false;
  std::span<const std::byte>
      data_set;  // behind the file meta information; in `inflated` for a deflated file
  std::string inflated;
  std::string sop_class;
  std::int64_t rows = 0, cols = 0, samples = 1, frames = 1, bits_allocated = 0;
  bool has_pixels = false;
  std::size_t header_end = 0;         // where the pixels' element begins in data_set, else its end
  std::span<const std::byte> pixels;  // that are not encapsulated
  std::vector<std::span<const std::byte>> fragments;  // of encapsulated ones, without offset table
};

// See prescan_dicom in dicom.h. `scan` is filled in place, because its span may point into itself.
void scan_dicom(std::span<const std::byte> bytes, const std::string& name,
                const DecodeLimits& limits, DicomScan& scan);

// True if the data dictionary calls this element a sequence (implicit VR does not say so itself).
bool dictionary_sequence(std::uint16_t group, std::uint16_t element);

// The data dictionary's name of a UID, as " (NAME)"; empty where it has none.
std::string name_of_uid(const std::string& uid);

// Checks the first compressed fragment against the header (RLE: segment table; JPEG, JPEG 2000:
// the size in their own headers), so that a decoder is not led beyond its buffers. Throws Error
// kBadContent naming the file.
void check_fragment(std::span<const std::byte> fragment, const DicomScan& scan,
                    const std::string& name);

}  // namespace biplane
