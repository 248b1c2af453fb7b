// The pre-scan of DICOM files and their way to pixels.
//
// Guards: biplane/imaging/dicom.cpp biplane/imaging/dicom_display.cpp
// biplane/imaging/dicom_rule.cpp biplane/imaging/dicom_scan.cpp biplane/imaging/dicom_syntax.cpp
// biplane/imaging/dicom_walk.cpp
#include "biplane/core/error.h"
#include "biplane/imaging/dicom.h"
#include "biplane/imaging/encode.h"
#include "fuzz/seed_corpus.h"
#include "tests/imaging/dicom_builder.h"
#include "tests/imaging/jpeg2000_encode.h"
#include "tests/imaging/png_builder.h"

namespace biplane::fuzz {

using testing::DicomBuilder;

std::vector<std::string> seeds() {
  const std::vector<int> ramp = {0, 100, 200, 300, 400, 500};
  DicomBuilder window;
  window.image({}).text(0x00281050, "DS", "250").text(0x00281051, "DS", "200").pixels(ramp);
  DicomBuilder implicit("1.2.840.10008.1.2", false);
  implicit.text(0x00080060, "CS", "CR").image({}).pixels(ramp);
  DicomBuilder nested;
  nested.header(0x00082112, "SQ", 0xFFFFFFFF).item().text(0x00080060, "CS", "CR");
  nested.end_item().end_sequence().image({}).pixels(ramp);
  DicomBuilder rle("1.2.840.10008.1.2.5"), jpeg("1.2.840.10008.1.2.4.50");
  rle.compressed(2, 3, DicomBuilder::rle_stream("abcdef"));
  jpeg.compressed(8, 8, encode_jpeg(make_grey(8, 8), 50));
  DicomBuilder jpeg2000("1.2.840.10008.1.2.4.90");
  jpeg2000.compressed(2, 3,
                      testing::encode_jpeg2000({.precision = 8, .values = {0, 1, 2, 3, 4, 5}}));
  DicomBuilder table;
  table.image({}).header(0x00283010, "SQ", 0xFFFFFFFF).item().header(0x00283002, "US", 6);
  table.raw(DicomBuilder::number(2, 2) + DicomBuilder::number(0, 2) + DicomBuilder::number(8, 2));
  table.header(0x00283006, "OW", 4).raw("abcd").end_item().end_sequence().pixels(ramp);
  DicomBuilder voi;
  voi.image({2, 3, 12, true, "MONOCHROME1"}).header(0x00283000, "SQ", 0xFFFFFFFF).item();
  voi.header(0x00283002, "SS", 6).raw(DicomBuilder::number(2, 2) + DicomBuilder::number(0, 2));
  voi.raw(DicomBuilder::number(16, 2)).header(0x00283006, "US", 4).raw("abcd");
  voi.end_item().end_sequence().pixels(ramp);
  DicomBuilder sigmoid;
  sigmoid.image({}).text(0x00281050, "DS", "250").text(0x00281051, "DS", "200");
  sigmoid.text(0x00281052, "DS", "-100").text(0x00281053, "DS", "2.5");
  sigmoid.text(0x00281056, "LO", "SIGMOID").text(0x20500020, "CS", "INVERSE").pixels(ramp);
  DicomBuilder planes;
  planes.us(0x00280002, 3).text(0x00280004, "CS", "RGB").us(0x00280006, 1).us(0x00280010, 2);
  planes.us(0x00280011, 2).us(0x00280100, 8).us(0x00280101, 8).us(0x00280102, 7);
  planes.us(0x00280103, 0).header(0x7FE00010, "OW", 12).raw("abcdefghijkl");
  DicomBuilder deflated("1.2.840.10008.1.2.1.99");
  // A zlib stream without its two bytes of header and four of checksum.
  const std::string packed = testing::zlib_packed(window.body());
  return {window.file(),  implicit.file(), implicit.body(),
          nested.file(),  rle.file(),      jpeg.file(),
          table.file(),   jpeg2000.file(), voi.file(),
          sigmoid.file(), planes.file(),   deflated.file(packed.substr(2, packed.size() - 6))};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  DecodeLimits limits;
  limits.max_pixels = 1 << 20;
  limits.max_file_bytes = 1 << 22;
  try {
    const auto bytes = std::as_bytes(std::span(data, size));
    const FloatImage image = dicom_display(bytes, "input", limits);
    if (image.pixels.empty()) __builtin_trap();
    const DicomStatistics statistics = dicom_statistics(bytes, "input", limits);
    if (statistics.minimum > statistics.maximum) __builtin_trap();
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
