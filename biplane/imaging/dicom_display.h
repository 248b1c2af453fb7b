#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "biplane/imaging/dicom.h"

class DcmDataset;  // of DCMTK, whose headers stay inside .cpp files

namespace biplane {

// A modality or VOI lookup table (PS3.3 C.11.1, C.11.2).
struct LookupTable {
  std::int32_t first = 0;  // the input that gives entry 0; lower inputs do too, higher ones than
                           // the last give the last
  int bits = 16;           // of an entry
  std::vector<std::uint16_t> entries;
};

// All that turns stored values into display values.
struct DisplayRule {
  std::optional<LookupTable> modality_lut;
  double slope = 1, intercept = 0;  // without a modality LUT
  std::optional<LookupTable> voi_lut;
  std::optional<double> center, width;  // without a VOI LUT; absent: min-max
  std::string function = "LINEAR";      // LINEAR, LINEAR_EXACT or SIGMOID
  bool inverted = false;
  std::optional<PixelRange> padding;  // stored values that min-max does not look at

  std::string text() const;
  std::string modality_text() const;
};

// The rule that a data set asks for. Throws Error kBadContent naming the file for damaged lookup
// tables.
DisplayRule display_rule(DcmDataset& data, const DicomInfo& info, const std::string& name);

// (rows, cols) in [0, 1], and the same rounded to 0 .. 255.
FloatImage apply_display(const DicomPixels& pixels, const DisplayRule& rule);
GreyImage apply_display_grey(const DicomPixels& pixels, const DisplayRule& rule);

// A DICOM image with all that display needs; errors as in dicom.h.
struct DecodedDicom {
  DicomInfo info;
  DicomPixels pixels;
  DisplayRule rule;
  bool lossless = true;
};
DecodedDicom decode_dicom(std::span<const std::byte> bytes, const std::string& name,
                          const DecodeLimits& limits);

}  // namespace biplane
