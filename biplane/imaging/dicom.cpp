#include "biplane/imaging/dicom.h"

#include <dcmtk/config/osconfig.h>
// osconfig.h has to come first.
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dcsequen.h>
#include <dcmtk/dcmdata/dcxfer.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>

#include "biplane/core/error.h"
#include "biplane/imaging/dicom_display.h"
#include "biplane/imaging/dicom_scan.h"

namespace biplane {
namespace {

static_assert(std::endian::native == std::endian::little, "DICOM pixels are read as little-endian");

// Registers the decoders and silences DCMTK, once a process.
void prepare_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
  });
}

// A data set that has passed the pre-scan.
struct LoadedDicom {
  DicomScan scan;
  DcmDataset data;
};

[[noreturn]] void bad(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", name, what));
}

void load(std::span<const std::byte> bytes, const std::string& name, const DecodeLimits& limits,
          LoadedDicom& loaded) {
  prepare_dcmtk();
  scan_dicom(bytes, name, limits, loaded.scan);
  // An inflated data set is explicit VR little endian.
  const E_TransferSyntax syntax = loaded.scan.syntax->deflated
                                      ? EXS_LittleEndianExplicit
                                      : DcmXfer(loaded.scan.syntax->uid).getXfer();
  DcmInputBufferStream stream;
  stream.setBuffer(loaded.scan.data_set.data(),
                   static_cast<offile_off_t>(loaded.scan.data_set.size()));
  stream.setEos();
  loaded.data.transferInit();
  const OFCondition condition = loaded.data.read(stream, syntax);
  loaded.data.transferEnd();
  if (condition.bad()) bad(name, fmt::format("damaged DICOM ({})", condition.text()));
}

std::string text_of(DcmItem& data, const DcmTagKey& tag) {
  OFString value;
  if (data.findAndGetOFString(tag, value).bad()) return {};
  std::string text(value.c_str(), value.size());
  text.erase(std::min(text.find_last_not_of(std::string_view(" \0", 2)) + 1, text.size()));
  return text;
}

int number_of(DcmItem& data, const DcmTagKey& tag, int fallback = 0) {
  Uint16 value = 0;
  return data.findAndGetUint16(tag, value).good() ? value : fallback;
}

std::optional<double> decimal_of(DcmItem& data, const DcmTagKey& tag) {
  Float64 value = 0;
  if (data.findAndGetFloat64(tag, value).bad()) return std::nullopt;
  return value;
}

int items_of(DcmItem& data, const DcmTagKey& tag) {
  DcmSequenceOfItems* sequence = nullptr;
  if (data.findAndGetSequence(tag, sequence).bad() || sequence == nullptr) return 0;
  return static_cast<int>(sequence->card());
}

DicomInfo info_of(LoadedDicom& loaded, std::int64_t bytes) {
  DcmDataset& data = loaded.data;
  DicomInfo info;
  info.bytes = bytes;
  info.modality = text_of(data, DCM_Modality);
  info.body_part = text_of(data, DCM_BodyPartExamined);
  info.view_position = text_of(data, DCM_ViewPosition);
  info.photometric = text_of(data, DCM_PhotometricInterpretation);
  info.rows = number_of(data, DCM_Rows);
  info.cols = number_of(data, DCM_Columns);
  info.bits_allocated = number_of(data, DCM_BitsAllocated);
  info.bits_stored = number_of(data, DCM_BitsStored);
  info.pixel_representation = number_of(data, DCM_PixelRepresentation);
  info.samples = number_of(data, DCM_SamplesPerPixel, 1);
  info.frames = static_cast<int>(loaded.scan.frames);
  info.window_center = decimal_of(data, DCM_WindowCenter);
  info.window_width = decimal_of(data, DCM_WindowWidth);
  info.voi_function = text_of(data, DCM_VOILUTFunction);
  if (info.voi_function.empty()) info.voi_function = "LINEAR";
  info.rescale_slope = decimal_of(data, DCM_RescaleSlope);
  info.rescale_intercept = decimal_of(data, DCM_RescaleIntercept);
  info.presentation_lut_shape = text_of(data, DCM_PresentationLUTShape);
  info.voi_luts = items_of(data, DCM_VOILUTSequence);
  info.modality_luts = items_of(data, DCM_ModalityLUTSequence);
  info.transfer_syntax = loaded.scan.syntax->uid;
  info.transfer_syntax_name = loaded.scan.syntax->name;
  info.sop_class = text_of(data, DCM_SOPClassUID);
  info.study_uid = text_of(data, DCM_StudyInstanceUID);
  info.series_uid = text_of(data, DCM_SeriesInstanceUID);
  info.instance_uid = text_of(data, DCM_SOPInstanceUID);
  info.laterality = text_of(data, DCM_ImageLaterality);
  if (info.laterality.empty()) info.laterality = text_of(data, DCM_Laterality);
  info.burned_in = text_of(data, DCM_BurnedInAnnotation);
  info.patient_sex = text_of(data, DCM_PatientSex);
  info.patient_age = text_of(data, DCM_PatientAge);
  return info;
}

void check_decodable(const LoadedDicom& loaded, const DicomInfo& info, const std::string& name) {
  static constexpr std::array kImages = {
      "1.2.840.10008.5.1.4.1.1.1",      // CR
      "1.2.840.10008.5.1.4.1.1.1.1",    // DX for presentation
      "1.2.840.10008.5.1.4.1.1.1.1.1",  // DX for processing
      "1.2.840.10008.5.1.4.1.1.7",      // SC
      "1.2.840.10008.5.1.4.1.1.7.2",    // SC, grey 8 bit, frames
      "1.2.840.10008.5.1.4.1.1.7.3",    // SC, grey 16 bit, frames
      "1.2.840.10008.5.1.4.1.1.7.4",    // SC, colour, frames
  };
  if (!loaded.scan.syntax->decodable)
    bad(name, fmt::format(
                  "pixels in the transfer syntax {} ({}) cannot be decoded: convert the file to an "
                  "uncompressed one first",
                  info.transfer_syntax, info.transfer_syntax_name));
  if (!info.sop_class.empty() &&
      std::find(kImages.begin(), kImages.end(), info.sop_class) == kImages.end())
    bad(name, fmt::format("SOP class {} is not a CR, DX or secondary capture image",
                          loaded.scan.sop_class == info.sop_class ? info.sop_class : "(damaged)"));
  // The pre-scan has checked its own reading of these; the decoders use DCMTK's.
  if (info.rows != loaded.scan.rows || info.cols != loaded.scan.cols ||
      info.samples != loaded.scan.samples || info.bits_allocated != loaded.scan.bits_allocated)
    bad(name, "damaged DICOM: contradicting image sizes");
  if (info.bits_stored < 1 || info.bits_stored > info.bits_allocated)
    bad(name,
        fmt::format("damaged DICOM: {} bits stored of {}", info.bits_stored, info.bits_allocated));
}

// Uncompressed samples as DCMTK holds them: little-endian, 1 or 2 bytes a sample.
std::span<const std::uint8_t> raw_samples(LoadedDicom& loaded, const std::string& name) {
  const OFCondition decoded = loaded.data.chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (decoded.bad())
    bad(name, fmt::format("damaged DICOM: its pixels cannot be decoded ({})", decoded.text()));
  DcmElement* element = nullptr;
  if (loaded.data.findAndGetElement(DCM_PixelData, element).bad() || element == nullptr)
    bad(name, "a DICOM file without pixels");
  const std::uint8_t* samples = nullptr;
  Uint16* words = nullptr;
  Uint8* octets = nullptr;
  if (element->getUint16Array(words).good() && words != nullptr) {
    samples = reinterpret_cast<const std::uint8_t*>(words);
  } else if (element->getUint8Array(octets).good() && octets != nullptr) {
    samples = octets;
  } else {
    bad(name, "damaged DICOM: its pixels cannot be read");
  }
  return {samples, element->getLength()};
}

struct SampleLayout {
  int bytes = 1, shift = 0;
  std::uint32_t mask = 0;
  std::int32_t sign = 0;  // value of the sign bit; 0: unsigned

  std::int32_t value(std::span<const std::uint8_t> raw, std::size_t i) const {
    std::uint32_t word = raw[i * static_cast<std::size_t>(bytes)];
    if (bytes == 2) word |= static_cast<std::uint32_t>(raw[2 * i + 1]) << 8;
    const auto stored = static_cast<std::int32_t>((word >> shift) & mask);
    return sign != 0 && (stored & sign) != 0 ? stored - 2 * sign : stored;
  }
};

SampleLayout layout_of(LoadedDicom& loaded, const DicomInfo& info, const std::string& name) {
  SampleLayout layout;
  layout.bytes = info.bits_allocated / 8;
  const int high = number_of(loaded.data, DCM_HighBit, info.bits_stored - 1);
  layout.shift = high + 1 - info.bits_stored;
  const bool whole_bytes = info.bits_allocated == 8 || info.bits_allocated == 16;
  if (!whole_bytes || info.bits_stored < 1 || high >= info.bits_allocated || layout.shift < 0)
    bad(name,
        fmt::format("damaged DICOM: high bit {} with {} bits stored", high, info.bits_stored));
  layout.mask = (1U << info.bits_stored) - 1;
  if (info.pixel_representation == 1) layout.sign = std::int32_t{1} << (info.bits_stored - 1);
  return layout;
}

DicomPixels pixels_of(LoadedDicom& loaded, DicomInfo& info, const std::string& name) {
  check_decodable(loaded, info, name);
  const std::span<const std::uint8_t> raw = raw_samples(loaded, name);
  // Decoding may turn YBR into RGB and narrow the samples.
  info.photometric = text_of(loaded.data, DCM_PhotometricInterpretation);
  info.bits_allocated = number_of(loaded.data, DCM_BitsAllocated);
  info.bits_stored = number_of(loaded.data, DCM_BitsStored);
  const auto area = static_cast<std::size_t>(info.rows) * static_cast<std::size_t>(info.cols);
  const auto samples = static_cast<std::size_t>(info.samples);
  const SampleLayout layout = layout_of(loaded, info, name);
  if (raw.size() < area * samples * static_cast<std::size_t>(layout.bytes))
    bad(name, "damaged DICOM: not enough pixels");
  const bool grey = samples == 1 && info.photometric.starts_with("MONOCHROME");
  const bool rgb = samples == 3 && info.photometric == "RGB";
  const bool luma = samples == 3 && info.photometric == "YBR_FULL";
  if (!grey && !rgb && !luma)
    bad(name,
        fmt::format("the photometric interpretation '{}' is not supported", info.photometric));
  // Colour by plane: samples lie one image apart instead of side by side.
  const bool planes = samples == 3 && number_of(loaded.data, DCM_PlanarConfiguration) == 1;
  const std::size_t step = planes ? 1 : samples, apart = planes ? area : 1;
  DicomPixels pixels{info.rows, info.cols, std::vector<std::int32_t>(area)};
  for (std::size_t i = 0; i < area; ++i) {
    const auto at = [&](std::size_t channel) {
      return layout.value(raw, i * step + channel * apart);
    };
    pixels.values[i] = rgb ? (299 * at(0) + 587 * at(1) + 114 * at(2) + 500) / 1000 : at(0);
  }
  return pixels;
}

}  // namespace

bool dictionary_sequence(std::uint16_t group, std::uint16_t element) {
  return DcmTag(group, element).getEVR() == EVR_SQ;
}

DicomInfo dicom_info(std::span<const std::byte> bytes, const std::string& name,
                     const DecodeLimits& limits) {
  LoadedDicom loaded;
  load(bytes, name, limits, loaded);
  return info_of(loaded, static_cast<std::int64_t>(bytes.size()));
}

DecodedDicom decode_dicom(std::span<const std::byte> bytes, const std::string& name,
                          const DecodeLimits& limits) {
  LoadedDicom loaded;
  load(bytes, name, limits, loaded);
  DicomInfo info = info_of(loaded, static_cast<std::int64_t>(bytes.size()));
  DecodedDicom decoded;
  decoded.pixels = pixels_of(loaded, info, name);
  decoded.rule = display_rule(loaded.data, info, name);
  decoded.lossless = loaded.scan.syntax->lossless;
  return decoded;
}

}  // namespace biplane
