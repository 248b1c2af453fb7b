#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "biplane/imaging/limits.h"

namespace biplane {

// A transfer syntax that is known here.
struct TransferSyntax {
  const char* uid;
  const char* name;  // of the standard
  bool explicit_vr, big_endian, deflated, encapsulated, lossless;
  bool decodable;  // false: the header can be read, the pixels cannot
};

// nullptr for a transfer syntax that is not known.
const TransferSyntax* find_transfer_syntax(const std::string& uid);

// What the walk over the data elements found.
struct DicomScan {
  const TransferSyntax* syntax = nullptr;
  std::span<const std::byte>
      data_set;  // behind the file meta information; in `inflated` for a deflated file
  std::string inflated;
  std::string sop_class;
  std::int64_t rows = 0, cols = 0, samples = 1, frames = 1, bits_allocated = 0;
  bool has_pixels = false;
  std::uint64_t pixel_bytes = 0;  // of pixels that are not encapsulated
};

// See prescan_dicom in dicom.h. `scan` is filled in place, because its span may point into itself.
void scan_dicom(std::span<const std::byte> bytes, const std::string& name,
                const DecodeLimits& limits, DicomScan& scan);

// True if the data dictionary calls this element a sequence (implicit VR does not say so itself).
bool dictionary_sequence(std::uint16_t group, std::uint16_t element);

// Checks the first compressed fragment against the header (RLE: segment table; JPEG: size in its
// frame header), so that a decoder is not led beyond its buffers. Throws Error kBadContent naming
// the file.
void check_fragment(std::span<const std::byte> fragment, const DicomScan& scan,
                    const std::string& name);

}  // namespace biplane
