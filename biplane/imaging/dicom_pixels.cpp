// Stored values of a DICOM image.
#include <dcmtk/config/osconfig.h>
// osconfig.h has to come first.
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcelem.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "biplane/imaging/dicom_dataset.h"
#include "biplane/imaging/jpeg2000.h"

namespace biplane {
namespace {

static_assert(std::endian::native == std::endian::little, "DICOM pixels are read as little-endian");

void check_decodable(const LoadedDicom& loaded, const DicomInfo& info, const std::string& name) {
  if (!is_radiograph_class(info.sop_class))
    refuse_dicom(
        name, fmt::format("SOP class {} is not a CR, DX or secondary capture image",
                          loaded.scan.sop_class == info.sop_class ? info.sop_class : "(damaged)"));
  // The pre-scan has checked its own reading of these; the decoders use DCMTK's.
  if (info.rows != loaded.scan.rows || info.cols != loaded.scan.cols ||
      info.samples != loaded.scan.samples || info.bits_allocated != loaded.scan.bits_allocated)
    refuse_dicom(name, "damaged DICOM: contradicting image sizes");
  if (info.samples != 1)
    refuse_dicom(name, fmt::format("a colour image of {} samples a pixel; only grey radiographs "
                                   "(MONOCHROME1, MONOCHROME2) are read",
                                   info.samples));
  if (info.photometric != "MONOCHROME1" && info.photometric != "MONOCHROME2")
    refuse_dicom(name, fmt::format("the photometric interpretation '{}' is not supported; only "
                                   "MONOCHROME1 and MONOCHROME2 are",
                                   info.photometric));
  if (info.bits_stored < 1 || info.bits_stored > info.bits_allocated)
    refuse_dicom(name, fmt::format("damaged DICOM: {} bits stored of {}", info.bits_stored,
                                   info.bits_allocated));
}

// Samples that DCMTK has decoded: little-endian, 1 or 2 bytes each.
std::span<const std::uint8_t> decoded_samples(LoadedDicom& loaded, const std::string& name) {
  const OFCondition decoded = loaded.data->chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (decoded.bad())
    refuse_dicom(name,
                 fmt::format("damaged DICOM: its pixels cannot be decoded ({})", decoded.text()));
  DcmElement* element = nullptr;
  if (loaded.data->findAndGetElement(DCM_PixelData, element).bad() || element == nullptr)
    refuse_dicom(name, "a DICOM file without pixels");
  const std::uint8_t* samples = nullptr;
  Uint16* words = nullptr;
  Uint8* octets = nullptr;
  if (element->getUint16Array(words).good() && words != nullptr) {
    samples = reinterpret_cast<const std::uint8_t*>(words);
  } else if (element->getUint8Array(octets).good() && octets != nullptr) {
    samples = octets;
  } else {
    refuse_dicom(name, "damaged DICOM: its pixels cannot be read");
  }
  return {samples, element->getLength()};
}

// Appends what the runs of a segment give to every `step`-th byte of `out` (PS3.5 G.3.1: a literal
// run, a repeated byte, or nothing), until that is full; true if it is.
bool expand_runs(std::span<const std::byte> segment, std::size_t step,
                 std::span<std::uint8_t> out) {
  std::size_t to = 0;
  for (std::size_t at = 0; at + 1 < segment.size() && to < out.size();) {
    const std::size_t run = std::to_integer<std::size_t>(segment[at++]);
    if (run == 128) continue;
    const bool literal = run < 128;
    const std::size_t count = literal ? std::min(run + 1, segment.size() - at) : 257 - run;
    for (std::size_t i = 0; i < count && to < out.size(); ++i, to += step)
      out[to] = std::to_integer<std::uint8_t>(segment[at + (literal ? i : 0)]);
    at += literal ? count : 1;
  }
  return to >= out.size();
}

// The segments hold the high bytes of all samples, then the low ones; the pre-scan has checked
// where they lie.
std::vector<std::uint8_t> rle_samples(const DicomScan& scan, const std::string& name) {
  const std::span<const std::byte> fragment = scan.fragments.front();
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, fragment.data() + at, sizeof(value));
    return std::size_t{value};
  };
  const std::size_t segments = number(0);
  std::vector<std::uint8_t> samples(static_cast<std::size_t>(scan.rows * scan.cols) * segments);
  for (std::size_t i = 0; i < segments; ++i) {
    const std::size_t begin = number(4 + 4 * i);
    const std::size_t end = i + 1 < segments ? number(8 + 4 * i) : fragment.size();
    if (!expand_runs(fragment.subspan(begin, end - begin), segments,
                     std::span(samples).subspan(segments - 1 - i)))
      refuse_dicom(name, "damaged DICOM: an RLE segment that gives too few values");
  }
  return samples;
}

// Little-endian samples, 1 or 2 bytes each: in the file, in DCMTK's hands or our own.
struct Samples {
  std::vector<std::uint8_t> own;
  std::span<const std::uint8_t> bytes;
};

Samples raw_samples(LoadedDicom& loaded, DicomInfo& info, const std::string& name) {
  const DicomScan& scan = loaded.scan;
  Samples samples;
  if (scan.syntax->codec == PixelCodec::kRle) {
    samples.own = rle_samples(scan, name);
    samples.bytes = samples.own;
  } else if (scan.syntax->codec == PixelCodec::kNative && !scan.syntax->big_endian) {
    samples.bytes = {reinterpret_cast<const std::uint8_t*>(scan.pixels.data()), scan.pixels.size()};
  } else {
    samples.bytes = decoded_samples(loaded, name);
    // Decoding may narrow the samples.
    info.bits_allocated = number_of(*loaded.data, DCM_BitsAllocated);
    info.bits_stored = number_of(*loaded.data, DCM_BitsStored);
  }
  return samples;
}

// Where a stored value lies in the bits of its word; what else is in them (overlays, dirt) is cut
// off.
struct SampleLayout {
  int shift = 0;
  std::uint32_t mask = 0, sign = 0;  // sign: the bit; 0: unsigned

  std::int32_t value(std::uint32_t word) const {
    return static_cast<std::int32_t>((((word >> shift) & mask) ^ sign) - sign);
  }
};

SampleLayout layout_of(int bits, bool is_signed, int shift = 0) {
  return {shift, static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1),
          is_signed ? std::uint32_t{1} << (bits - 1) : 0};
}

template <class Word>
void unpack(const std::uint8_t* raw, const SampleLayout& layout, DicomPixels& pixels) {
  for (std::size_t i = 0; i < pixels.values.size(); ++i) {
    Word word = 0;
    std::memcpy(&word, raw + i * sizeof(Word), sizeof(Word));
    pixels.values[i] = layout.value(word);
  }
}

DicomPixels samples_of(LoadedDicom& loaded, DicomInfo& info, const std::string& name) {
  const Samples samples = raw_samples(loaded, info, name);
  const std::span<const std::uint8_t> raw = samples.bytes;
  const int high = number_of(*loaded.data, DCM_HighBit, info.bits_stored - 1);
  const int shift = high + 1 - info.bits_stored;
  const bool whole_bytes = info.bits_allocated == 8 || info.bits_allocated == 16;
  if (!whole_bytes || info.bits_stored < 1 || high >= info.bits_allocated || shift < 0)
    refuse_dicom(name, fmt::format("damaged DICOM: high bit {} with {} bits stored", high,
                                   info.bits_stored));
  const SampleLayout layout = layout_of(info.bits_stored, info.pixel_representation == 1, shift);
  const auto area = static_cast<std::size_t>(info.rows) * static_cast<std::size_t>(info.cols);
  if (raw.size() < area * static_cast<std::size_t>(info.bits_allocated / 8))
    refuse_dicom(name, "damaged DICOM: not enough pixels");
  DicomPixels pixels{info.rows, info.cols, std::vector<std::int32_t>(area)};
  if (info.bits_allocated == 16) {
    unpack<std::uint16_t>(raw.data(), layout, pixels);
  } else {
    unpack<std::uint8_t>(raw.data(), layout, pixels);
  }
  return pixels;
}

DicomPixels jpeg2000_of(const LoadedDicom& loaded, const DicomInfo& info, const std::string& name) {
  const auto& fragments = loaded.scan.fragments;
  std::vector<std::byte> joined;
  std::span<const std::byte> stream = fragments.front();
  if (fragments.size() > 1) {
    for (const std::span<const std::byte> part : fragments)
      joined.insert(joined.end(), part.begin(), part.end());
    stream = joined;
  }
  Jpeg2000Image image = decode_jpeg2000(stream, name);
  if (image.size.rows != info.rows || image.size.cols != info.cols)
    refuse_dicom(name, "damaged DICOM: contradicting image sizes");
  DicomPixels pixels{info.rows, info.cols, std::move(image.values)};
  // Where the stream says signed and the header unsigned, or the other way round, the header tells
  // what the bits mean.
  const bool is_signed = info.pixel_representation == 1;
  if (is_signed != image.size.is_signed) {
    const SampleLayout layout = layout_of(image.size.precision, is_signed);
    for (std::int32_t& value : pixels.values)
      value = layout.value(static_cast<std::uint32_t>(value));
  }
  return pixels;
}

}  // namespace

bool is_radiograph_class(const std::string& sop_class) {
  static constexpr std::array<std::string_view, 7> kImages = {
      "1.2.840.10008.5.1.4.1.1.1",      // CR
      "1.2.840.10008.5.1.4.1.1.1.1",    // DX for presentation
      "1.2.840.10008.5.1.4.1.1.1.1.1",  // DX for processing
      "1.2.840.10008.5.1.4.1.1.7",      // SC
      "1.2.840.10008.5.1.4.1.1.7.2",    // SC, grey 8 bit, frames
      "1.2.840.10008.5.1.4.1.1.7.3",    // SC, grey 16 bit, frames
      "1.2.840.10008.5.1.4.1.1.7.4",    // SC, colour, frames
  };
  return sop_class.empty() || std::find(kImages.begin(), kImages.end(), sop_class) != kImages.end();
}

DicomPixels pixels_of(LoadedDicom& loaded, DicomInfo& info, const std::string& name) {
  check_decodable(loaded, info, name);
  if (loaded.scan.syntax->codec == PixelCodec::kJpeg2000) return jpeg2000_of(loaded, info, name);
  return samples_of(loaded, info, name);
}

}  // namespace biplane
