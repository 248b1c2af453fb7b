#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "biplane/imaging/image.h"
#include "biplane/imaging/limits.h"

namespace biplane {

// The first item of a code sequence.
struct DicomCode {
  std::string value, meaning;
};

struct PixelRange {
  std::int32_t first = 0, last = 0;
};

// Header fields of a DICOM image; a text that is absent is empty, a number that is absent is
// nullopt.
struct DicomInfo {
  std::int64_t bytes = 0;
  std::string modality, body_part, view_position, photometric;
  int rows = 0, cols = 0, bits_allocated = 0, bits_stored = 0, pixel_representation = 0;
  int samples = 1, frames = 1;
  std::optional<double> window_center, window_width;  // the first pair
  std::string voi_function;                           // LINEAR when absent
  std::optional<double> rescale_slope, rescale_intercept;
  std::string presentation_lut_shape;
  int voi_luts = 0, modality_luts = 0;  // items of the two LUT sequences
  std::optional<PixelRange> padding;    // stored values that stand for no measurement
  std::string transfer_syntax, transfer_syntax_name;
  bool syntax_guessed = false;  // the file does not say its transfer syntax
  bool has_pixels = true;
  bool readable = true;  // false: a transfer syntax whose pixels cannot be decoded here
  std::string sop_class, study_uid, series_uid, instance_uid, laterality, burned_in;
  std::string presentation_intent;            // FOR PRESENTATION, FOR PROCESSING
  std::vector<std::string> source_instances;  // UIDs of the images that this one was made of
  DicomCode anatomic_region, view_code;
  std::string patient_orientation;  // where rows and columns lead to, for example "L\\F"
  std::string study_description, series_description, protocol_name;
  std::string accession, patient_id, patient_sex, patient_age;  // as stored: M, F, O; 045Y
  std::string birth_date, study_date;                           // YYYYMMDD
};

// Stored values, before any LUT: (rows, cols) row-major.
struct DicomPixels {
  int rows = 0, cols = 0;
  std::vector<std::int32_t> values;
};

// True if the content looks like DICOM: "DICM" at byte 128, or a data set without preamble.
bool is_dicom(std::span<const std::byte> bytes);

// Walks over the data elements without decoding, and before DCMTK sees them: iterative, nothing
// allocated from declared lengths. Refuses (Error kBadContent naming the file) sequences nested
// deeper than the limit, elements longer than what is left, too many elements, unknown transfer
// syntaxes, RLE fragments or offset tables that are too short.
void prescan_dicom(std::span<const std::byte> bytes, const std::string& name,
                   const DecodeLimits& limits = {});

// True for CR, DX and secondary capture, and where the header does not say what it is.
bool is_radiograph_class(const std::string& sop_class);

// The header of a file, of which no more is read than that; nullopt for a file that does not look
// like DICOM. Nothing is refused here but a damaged header: what the image is, and whether it could
// be decoded, is for the caller to see. Throws Error kBadContent naming the file, kIo.
std::optional<DicomInfo> read_dicom_header(const std::filesystem::path& path,
                                           const DecodeLimits& limits = {});

// All of the following pre-scan first and throw Error kBadContent naming the file.
DicomInfo dicom_info(std::span<const std::byte> bytes, const std::string& name,
                     const DecodeLimits& limits = {});
// Transfer syntaxes: uncompressed, deflated, RLE, JPEG (baseline, extended, lossless), JPEG-LS,
// JPEG 2000; others are refused by name, and so are colour and several frames.
DicomPixels dicom_pixels(std::span<const std::byte> bytes, const std::string& name,
                         const DecodeLimits& limits = {});
// Display values in [0, 1]: stored -> modality LUT or rescale -> VOI LUT or window (LINEAR,
// LINEAR_EXACT, SIGMOID; else min-max without pixel padding) -> polarity (MONOCHROME1 or
// presentation LUT shape INVERSE). data.md section 4.
FloatImage dicom_display(std::span<const std::byte> bytes, const std::string& name,
                         const DecodeLimits& limits = {});

// What the pixels say: the columns of a DICOM index beside the header fields.
struct DicomStatistics {
  std::int32_t minimum = 0, maximum = 0;  // of the stored values
  double stored_mean = 0;
  std::string stored_md5;     // of the stored values as little-endian int32, row-major
  bool lossless = true;       // by transfer syntax
  std::string modality_rule;  // for example "rescale 2/-500"
  std::string display_rule;   // for example "window 550/1024 LINEAR, inverted"
  double display_mean = 0, display_std = 0;  // of dicom_display
};
DicomStatistics dicom_statistics(std::span<const std::byte> bytes, const std::string& name,
                                 const DecodeLimits& limits = {});

}  // namespace biplane
