#pragma once

// A DICOM file in DCMTK's hands: what dicom.cpp, dicom_header.cpp and dicom_pixels.cpp share.
// DCMTK's own headers stay inside .cpp files.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "biplane/imaging/dicom.h"
#include "biplane/imaging/dicom_scan.h"

class DcmDataset;
class DcmItem;
class DcmTagKey;

namespace biplane {

[[noreturn]] void refuse_dicom(const std::string& name, const std::string& what);

// A data set that has passed the pre-scan.
struct LoadedDicom {
  LoadedDicom();
  ~LoadedDicom();

  DicomScan scan;
  std::unique_ptr<DcmDataset> data;
};

// Pre-scans and parses. `loaded.scan.header_only` may be set before. DCMTK gets the pixels only
// where it has to decode them. `loaded` is filled in place, because the scan points into itself.
void load_dicom(std::span<const std::byte> bytes, const std::string& name,
                const DecodeLimits& limits, LoadedDicom& loaded);

// Values of elements; empty, the fallback or nullopt where the element is absent or no such value.
std::string text_of(DcmItem& data, const DcmTagKey& tag);
int number_of(DcmItem& data, const DcmTagKey& tag, int fallback = 0);
std::optional<double> decimal_of(DcmItem& data, const DcmTagKey& tag);

DicomInfo info_of(LoadedDicom& loaded, std::int64_t bytes);

// Stored values. `info` comes from info_of; decoding may change its bits and photometric.
DicomPixels pixels_of(LoadedDicom& loaded, DicomInfo& info, const std::string& name);

}  // namespace biplane
