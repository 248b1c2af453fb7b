#pragma once

#include <cstdint>

namespace biplane {

// What an image may at most be; checked on headers, before memory is taken.
struct DecodeLimits {
  std::int64_t max_pixels = 50'000'000;       // rows x columns (x samples x frames in DICOM)
  std::int64_t max_side = 16'384;             // rows, columns
  std::int64_t max_file_bytes = 64LL << 20;   // also of the inflated content
  std::int64_t max_dicom_elements = 100'000;  // data elements and sequence items
  int max_dicom_depth = 64;                   // nested sequences
};

}  // namespace biplane
