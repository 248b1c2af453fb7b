#include "biplane/imaging/dicom_write.h"

#include <dcmtk/config/osconfig.h>
// osconfig.h has to come first.
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcuid.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"

namespace biplane {
namespace {

struct Code {
  const char *value, *scheme, *meaning;
};

void put(DcmItem& item, const DcmTagKey& tag, const std::string& value) {
  const OFCondition condition = item.putAndInsertString(tag, value.c_str());
  if (condition.bad())
    throw Error(ErrorKind::kFailure,
                fmt::format("DICOM element {}: {}", tag.toString().c_str(), condition.text()));
}

void put(DcmItem& item, const DcmTagKey& tag, int value) {
  item.putAndInsertUint16(tag, static_cast<Uint16>(value));
}

// An item with a code of its own in a new sequence.
DcmItem& put_code(DcmItem& item, const DcmTagKey& sequence, const Code& code) {
  DcmItem* entry = nullptr;
  if (item.findOrCreateSequenceItem(sequence, entry, -2).bad() || entry == nullptr)
    throw Error(ErrorKind::kFailure, "DICOM: a sequence cannot be made");
  put(*entry, DCM_CodeValue, code.value);
  put(*entry, DCM_CodingSchemeDesignator, code.scheme);
  put(*entry, DCM_CodeMeaning, code.meaning);
  return *entry;
}

std::string decimal(double value) { return fmt::format("{:.8g}", value); }

void put_identity(DcmItem& data, const DigitalXray& xray) {
  put(data, DCM_SOPClassUID, UID_DigitalXRayImageStorageForPresentation);
  put(data, DCM_SOPInstanceUID, xray.instance_uid);
  put(data, DCM_StudyInstanceUID, xray.study_uid);
  put(data, DCM_SeriesInstanceUID, xray.series_uid);
  put(data, DCM_PatientID, xray.patient_id);
  put(data, DCM_PatientSex, xray.sex);
  put(data, DCM_PatientAge, xray.age < 0 ? "" : fmt::format("{:03}Y", xray.age));
  put(data, DCM_PatientIdentityRemoved, "YES");
  put(data, DCM_DeidentificationMethod, "synthetic: no person was imaged");
  put_code(data, DCM_DeidentificationMethodCodeSequence,
           {"113100", "DCM", "Basic Application Confidentiality Profile"});
  put(data, DCM_AccessionNumber, xray.accession);
  put(data, DCM_InstanceNumber, std::to_string(xray.instance_number));
  put(data, DCM_SeriesNumber, "1");
  put(data, DCM_StudyID, "1");
  put(data, DCM_StudyDate, "19000101");  // stands for all dates
  put(data, DCM_StudyTime, "000000");
  // Must be there, and say nothing.
  for (const DcmTagKey& tag : {DCM_PatientName, DCM_PatientBirthDate, DCM_ReferringPhysicianName,
                               DCM_ContentDate, DCM_ContentTime})
    put(data, tag, "");
}

void put_acquisition(DcmItem& data, const DigitalXray& xray) {
  static constexpr Code kPa{"272479007", "SCT", "postero-anterior"};
  static constexpr Code kAp{"399348003", "SCT", "antero-posterior"};
  static constexpr Code kLateral{"399173006", "SCT", "left lateral"};
  put(data, DCM_Modality, "DX");
  put(data, DCM_Manufacturer, "biplane");
  put(data, DCM_ManufacturerModelName, "phantom");
  put(data, DCM_DetectorType, "DIRECT");
  put(data, DCM_PresentationIntentType, "FOR PRESENTATION");
  put(data, DCM_BodyPartExamined, "CHEST");
  put_code(data, DCM_AnatomicRegionSequence, {"816094009", "SCT", "Chest"});
  put(data, DCM_ImageLaterality, "U");
  put(data, DCM_ViewPosition, xray.view);
  put_code(data, DCM_ViewCodeSequence,
           xray.view == "AP"   ? kAp
           : xray.view == "PA" ? kPa
                               : kLateral);
  put_code(data, DCM_PatientOrientationCodeSequence, {"C86043", "NCIt", "erect"});
  put_code(data, DCM_PatientGantryRelationshipCodeSequence, {"102540008", "SCT", "headfirst"});
  put(data, DCM_PositionerType, "COLUMN");
  data.insertEmptyElement(DCM_AcquisitionContextSequence);
  put(data, DCM_PatientOrientation, xray.patient_orientation);
  const std::string at_detector = decimal(xray.imager_spacing);
  const std::string in_body = decimal(xray.imager_spacing / xray.magnification);
  put(data, DCM_ImagerPixelSpacing, at_detector + "\\" + at_detector);
  put(data, DCM_PixelSpacing, in_body + "\\" + in_body);
  put(data, DCM_PixelSpacingCalibrationType, "GEOMETRY");
  put(data, DCM_PixelSpacingCalibrationDescription, "at the centre of the body");
  put(data, DCM_EstimatedRadiographicMagnificationFactor, decimal(xray.magnification));
  put(data, DCM_DistanceSourceToDetector, decimal(xray.source_distance));
  put(data, DCM_DistanceSourceToPatient, decimal(xray.source_distance / xray.magnification));
}

// Stored values that the window shows as 0 and 1.
struct StoredRange {
  int low = 0, high = 0, most = 0;
};

StoredRange stored_range(int bits) {
  const int most = (1 << bits) - 1, margin = 1 << (bits - 6);
  return {margin, most - margin, most};
}

void put_pixels(DcmItem& data, const DigitalXray& xray) {
  const StoredRange range = stored_range(xray.bits_stored);
  std::vector<Uint16> stored(xray.shown.pixels.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const float shown = std::clamp(xray.shown.pixels[i], 0.0F, 1.0F);
    const int value =
        range.low +
        static_cast<int>(std::lround(shown * static_cast<float>(range.high - range.low)));
    stored[i] = static_cast<Uint16>(xray.monochrome1 ? range.most - value : value);
  }
  put(data, DCM_ImageType, "ORIGINAL\\PRIMARY\\");
  put(data, DCM_SamplesPerPixel, 1);
  put(data, DCM_PhotometricInterpretation, xray.monochrome1 ? "MONOCHROME1" : "MONOCHROME2");
  put(data, DCM_Rows, xray.shown.rows);
  put(data, DCM_Columns, xray.shown.cols);
  put(data, DCM_BitsAllocated, 16);
  put(data, DCM_BitsStored, xray.bits_stored);
  put(data, DCM_HighBit, xray.bits_stored - 1);
  put(data, DCM_PixelRepresentation, 0);
  put(data, DCM_PixelIntensityRelationship, "LOG");
  // -1: the more rays, the lower the value.
  data.putAndInsertSint16(DCM_PixelIntensityRelationshipSign, xray.monochrome1 ? 1 : -1);
  put(data, DCM_RescaleIntercept, "0");
  put(data, DCM_RescaleSlope, "1");
  put(data, DCM_RescaleType, "US");
  put(data, DCM_PresentationLUTShape, xray.monochrome1 ? "INVERSE" : "IDENTITY");
  put(data, DCM_LossyImageCompression, "00");
  put(data, DCM_BurnedInAnnotation, "NO");
  // PS3.3 C.11.2.1.2: the linear window reaches 0 and 1 half a step outside.
  put(data, DCM_WindowCenter, decimal(0.5 * (range.most + 1)));
  put(data, DCM_WindowWidth, std::to_string(range.high - range.low + 1));
  data.putAndInsertUint16Array(DCM_PixelData, stored.data(),
                               static_cast<unsigned long>(stored.size()));
}

}  // namespace

std::string text_uid(std::string_view text) {
  // Long division of the 128 bits, held as sixteen base-256 digits, by ten.
  const std::string hex = sha256_hex(text).substr(0, 32);
  std::vector<int> number;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    number.push_back(std::stoi(hex.substr(i, 2), nullptr, 16));
  // Version and variant bits: only UUIDs stand under 2.25.
  number[6] = 0x80 | (number[6] & 0x0F);
  number[8] = 0x80 | (number[8] & 0x3F);
  std::string digits;
  while (std::any_of(number.begin(), number.end(), [](int d) { return d != 0; })) {
    int rest = 0;
    for (int& digit : number) {
      rest = rest * 256 + digit;
      digit = rest / 10;
      rest %= 10;
    }
    digits.insert(digits.begin(), static_cast<char>('0' + rest));
  }
  return "2.25." + digits;
}

std::string encode_dicom(const DigitalXray& xray) {
  if (xray.shown.pixels.empty()) throw Error(ErrorKind::kUsage, "a DICOM image needs pixels");
  if (xray.bits_stored < 12 || xray.bits_stored > 16)
    throw Error(ErrorKind::kUsage,
                fmt::format("a DICOM radiograph has 12 .. 16 bits, not {}", xray.bits_stored));
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  put_identity(data, xray);
  put_acquisition(data, xray);
  put_pixels(data, xray);
  // Room for the pixels and for a header that is far smaller than this.
  std::string bytes(2 * xray.shown.pixels.size() + (std::size_t{1} << 16), '\0');
  DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  file.transferInit();
  const OFCondition written =
      file.write(stream, EXS_LittleEndianExplicit, EET_ExplicitLength, nullptr);
  file.transferEnd();
  if (written.bad())
    throw Error(ErrorKind::kFailure, fmt::format("a DICOM file: {}", written.text()));
  void* begin = nullptr;
  offile_off_t length = 0;
  stream.flushBuffer(begin, length);
  bytes.resize(static_cast<std::size_t>(length));
  return bytes;
}

}  // namespace biplane
