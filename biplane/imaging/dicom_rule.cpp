#include <dcmtk/config/osconfig.h>
// osconfig.h has to come first.
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "biplane/imaging/dicom_dataset.h"
#include "biplane/imaging/dicom_display.h"

namespace biplane {
namespace {

std::optional<LookupTable> table_of(DcmDataset& data, const DcmTagKey& sequence, bool is_signed,
                                    const std::string& name) {
  DcmItem* item = nullptr;
  if (data.findAndGetSequenceItem(sequence, item, 0).bad() || item == nullptr) return std::nullopt;
  std::array<std::int32_t, 3> descriptor{};
  for (unsigned long i = 0; i < descriptor.size(); ++i) {
    Uint16 word = 0;
    Sint16 signed_word = 0;
    if (item->findAndGetUint16(DCM_LUTDescriptor, word, i).good()) {
      descriptor[i] = word;
    } else if (item->findAndGetSint16(DCM_LUTDescriptor, signed_word, i).good()) {
      descriptor[i] = static_cast<Uint16>(signed_word);
    } else {
      refuse_dicom(name, "damaged DICOM: a lookup table without a descriptor");
    }
  }
  LookupTable table;
  table.first = is_signed && descriptor[1] > 0x7FFF ? descriptor[1] - 0x10000 : descriptor[1];
  table.bits = descriptor[2];
  const std::size_t entries = descriptor[0] == 0 ? 65536 : static_cast<std::size_t>(descriptor[0]);
  const Uint16* words = nullptr;
  unsigned long count = 0;
  if (table.bits < 1 || table.bits > 16 ||
      item->findAndGetUint16Array(DCM_LUTData, words, &count).bad() || words == nullptr)
    refuse_dicom(name, "damaged DICOM: a lookup table without data");
  table.entries.assign(words, words + std::min<std::size_t>(count, entries));
  if (table.bits <= 8 && count * 2 >= entries && count < entries) {  // two entries a word
    table.entries.clear();
    for (std::size_t i = 0; i < entries; ++i)
      table.entries.push_back(static_cast<std::uint16_t>(words[i / 2] >> (i % 2 * 8) & 0xFF));
  } else if (count < entries) {
    refuse_dicom(name, "damaged DICOM: a lookup table that is too short");
  }
  return table;
}

}  // namespace

DisplayRule display_rule(DcmDataset& data, const DicomInfo& info, const std::string& name) {
  const bool is_signed = info.pixel_representation == 1;
  DisplayRule rule;
  rule.modality_lut = table_of(data, DCM_ModalityLUTSequence, is_signed, name);
  // A slope of 0 would make every pixel the same: such a rescale says nothing.
  if (info.rescale_slope != 0.0) {
    rule.slope = info.rescale_slope.value_or(1);
    rule.intercept = info.rescale_intercept.value_or(0);
  }
  if (!std::isfinite(rule.slope) || !std::isfinite(rule.intercept))
    refuse_dicom(name, "damaged DICOM: the rescale slope or intercept is not a number");
  // The output of a rescale may be negative even where stored values are not; that of a modality
  // LUT never is.
  const bool may_be_negative = !rule.modality_lut && (is_signed || rule.intercept < 0);
  rule.voi_lut = table_of(data, DCM_VOILUTSequence, may_be_negative, name);
  rule.center = info.window_center;
  rule.width = info.window_width;
  if (info.voi_function == "LINEAR_EXACT" || info.voi_function == "SIGMOID")
    rule.function = info.voi_function;
  rule.padding = info.padding;
  rule.inverted = info.photometric == "MONOCHROME1" || info.presentation_lut_shape == "INVERSE";
  return rule;
}

}  // namespace biplane
