// The fields of a DICOM header.
#include <dcmtk/config/osconfig.h>
// osconfig.h has to come first.
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcsequen.h>

#include <algorithm>
#include <string_view>

#include "biplane/imaging/dicom_dataset.h"

namespace biplane {
namespace {

std::string without_padding(const OFString& value) {
  std::string text(value.c_str(), value.size());
  text.erase(std::min(text.find_last_not_of(std::string_view(" \0", 2)) + 1, text.size()));
  return text;
}

// All values, with backslashes between them.
std::string all_text_of(DcmItem& data, const DcmTagKey& tag) {
  OFString value;
  if (data.findAndGetOFStringArray(tag, value).bad()) return {};
  return without_padding(value);
}

int items_of(DcmItem& data, const DcmTagKey& tag) {
  DcmSequenceOfItems* sequence = nullptr;
  if (data.findAndGetSequence(tag, sequence).bad() || sequence == nullptr) return 0;
  return static_cast<int>(sequence->card());
}

DicomCode code_of(DcmItem& data, const DcmTagKey& sequence) {
  DcmItem* item = nullptr;
  if (data.findAndGetSequenceItem(sequence, item, 0).bad() || item == nullptr) return {};
  return {text_of(*item, DCM_CodeValue), text_of(*item, DCM_CodeMeaning)};
}

std::vector<std::string> sources_of(DcmItem& data) {
  std::vector<std::string> sources;
  const int count = items_of(data, DCM_SourceImageSequence);
  for (int i = 0; i < count; ++i) {
    DcmItem* item = nullptr;
    if (data.findAndGetSequenceItem(DCM_SourceImageSequence, item, i).bad() || item == nullptr)
      continue;
    sources.push_back(text_of(*item, DCM_ReferencedSOPInstanceUID));
  }
  return sources;
}

// The range of stored values that stand for no measurement (PS3.3 C.7.5.1.1.2).
std::optional<PixelRange> padding_of(DcmItem& data, bool is_signed) {
  const auto value = [&](const DcmTagKey& tag) -> std::optional<std::int32_t> {
    Uint16 word = 0;
    Sint16 signed_word = 0;
    if (data.findAndGetUint16(tag, word).good())
      return is_signed ? static_cast<Sint16>(word) : std::int32_t{word};
    if (data.findAndGetSint16(tag, signed_word).good())
      return is_signed ? std::int32_t{signed_word} : static_cast<Uint16>(signed_word);
    return std::nullopt;
  };
  const auto first = value(DCM_PixelPaddingValue);
  if (!first) return std::nullopt;
  const std::int32_t last = value(DCM_PixelPaddingRangeLimit).value_or(*first);
  return PixelRange{std::min(*first, last), std::max(*first, last)};
}

void read_image_module(DcmItem& data, DicomInfo& info) {
  info.photometric = text_of(data, DCM_PhotometricInterpretation);
  info.rows = number_of(data, DCM_Rows);
  info.cols = number_of(data, DCM_Columns);
  info.bits_allocated = number_of(data, DCM_BitsAllocated);
  info.bits_stored = number_of(data, DCM_BitsStored);
  info.pixel_representation = number_of(data, DCM_PixelRepresentation);
  info.samples = number_of(data, DCM_SamplesPerPixel, 1);
  info.padding = padding_of(data, info.pixel_representation == 1);
  info.window_center = decimal_of(data, DCM_WindowCenter);
  info.window_width = decimal_of(data, DCM_WindowWidth);
  info.voi_function = text_of(data, DCM_VOILUTFunction);
  if (info.voi_function.empty()) info.voi_function = "LINEAR";
  info.rescale_slope = decimal_of(data, DCM_RescaleSlope);
  info.rescale_intercept = decimal_of(data, DCM_RescaleIntercept);
  info.presentation_lut_shape = text_of(data, DCM_PresentationLUTShape);
  info.voi_luts = items_of(data, DCM_VOILUTSequence);
  info.modality_luts = items_of(data, DCM_ModalityLUTSequence);
}

void read_context(DcmItem& data, DicomInfo& info) {
  info.modality = text_of(data, DCM_Modality);
  info.body_part = text_of(data, DCM_BodyPartExamined);
  info.anatomic_region = code_of(data, DCM_AnatomicRegionSequence);
  info.view_position = text_of(data, DCM_ViewPosition);
  info.view_code = code_of(data, DCM_ViewCodeSequence);
  info.patient_orientation = all_text_of(data, DCM_PatientOrientation);
  info.series_description = text_of(data, DCM_SeriesDescription);
  info.protocol_name = text_of(data, DCM_ProtocolName);
  info.study_description = text_of(data, DCM_StudyDescription);
  info.presentation_intent = text_of(data, DCM_PresentationIntentType);
  info.source_instances = sources_of(data);
  info.sop_class = text_of(data, DCM_SOPClassUID);
  info.study_uid = text_of(data, DCM_StudyInstanceUID);
  info.series_uid = text_of(data, DCM_SeriesInstanceUID);
  info.instance_uid = text_of(data, DCM_SOPInstanceUID);
  info.accession = text_of(data, DCM_AccessionNumber);
  info.laterality = text_of(data, DCM_ImageLaterality);
  if (info.laterality.empty()) info.laterality = text_of(data, DCM_Laterality);
  info.burned_in = text_of(data, DCM_BurnedInAnnotation);
  info.patient_id = text_of(data, DCM_PatientID);
  info.patient_sex = text_of(data, DCM_PatientSex);
  info.patient_age = text_of(data, DCM_PatientAge);
  info.birth_date = text_of(data, DCM_PatientBirthDate);
  info.study_date = text_of(data, DCM_StudyDate);
}

}  // namespace

std::string text_of(DcmItem& data, const DcmTagKey& tag) {
  OFString value;
  if (data.findAndGetOFString(tag, value).bad()) return {};
  return without_padding(value);
}

int number_of(DcmItem& data, const DcmTagKey& tag, int fallback) {
  Uint16 value = 0;
  return data.findAndGetUint16(tag, value).good() ? value : fallback;
}

std::optional<double> decimal_of(DcmItem& data, const DcmTagKey& tag) {
  Float64 value = 0;
  if (data.findAndGetFloat64(tag, value).bad()) return std::nullopt;
  return value;
}

DicomInfo info_of(LoadedDicom& loaded, std::int64_t bytes) {
  DicomInfo info;
  info.bytes = bytes;
  read_context(*loaded.data, info);
  read_image_module(*loaded.data, info);
  info.frames = static_cast<int>(loaded.scan.frames);
  info.has_pixels = loaded.scan.has_pixels;
  info.transfer_syntax = loaded.scan.syntax_uid;
  info.syntax_guessed = loaded.scan.syntax_guessed;
  info.transfer_syntax_name = loaded.scan.syntax->name;
  info.readable = loaded.scan.syntax->codec != PixelCodec::kUnknown;
  return info;
}

}  // namespace biplane
