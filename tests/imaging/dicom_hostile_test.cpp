// Files that are made to cost a reader its memory or its time: each is refused with little of both.
#include <gmock/gmock.h>
#include <zlib.h>

#include "biplane/core/error.h"
#include "biplane/imaging/dicom.h"
#include "tests/formats/guarded_child.h"
#include "tests/imaging/dicom_builder.h"
#include "tests/imaging/jpeg2000_encode.h"

namespace biplane {
namespace {

using testing::complaint_in_child;
using testing::DicomBuilder;

const std::vector<int> kRamp = {0, 100, 200, 300, 400, 500};

// Expects that the reader refuses the file, within the limits of a guarded child, with a message
// that has `part` in it.
void expect_refused(const std::string& file, const std::string& part) {
  const std::string complaint = complaint_in_child([&]() -> std::string {
    try {
      dicom_display(std::as_bytes(std::span(file)), "x.dcm");
      return "it is accepted";
    } catch (const Error& error) {
      const std::string message = error.what();
      return message.find(part) == std::string::npos ? "it says: " + message : "";
    }
  });
  EXPECT_EQ(complaint, "") << "expected: " << part;
}

TEST(DicomHostile, SixThousandNestedSequences) {
  for (const bool explicit_vr : {true, false}) {
    DicomBuilder builder(explicit_vr ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2", explicit_vr);
    for (int i = 0; i < 6000; ++i) builder.header(0x00082112, "SQ", 0xFFFFFFFF).item();
    for (int i = 0; i < 6000; ++i) builder.end_item().end_sequence();
    expect_refused(builder.image({}).pixels(kRamp).file(), "nested deeper than 64");
  }
}

TEST(DicomHostile, DeflatedGigabytes) {
  // One deflated block of zeros, 4096 times: 4 GiB.
  const std::string zeros(std::size_t{1} << 20, '\0');
  std::string block(4096, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(block.data());
  stream.avail_out = static_cast<uInt>(block.size());
  deflate(&stream, Z_FULL_FLUSH);
  block.resize(stream.total_out);
  deflateEnd(&stream);
  std::string data;
  for (int i = 0; i < 4096; ++i) data += block;
  expect_refused(DicomBuilder("1.2.840.10008.1.2.1.99").file(data), "larger than");
}

TEST(DicomHostile, AbsurdSizes) {
  const auto image = [](unsigned rows, unsigned cols) {
    return DicomBuilder().image({.rows = rows, .cols = cols}).pixels(kRamp).file();
  };
  expect_refused(image(65535, 65535), "65535 x 65535 pixels");
  expect_refused(image(16000, 16000), "beyond the limit");
  expect_refused(image(7000, 7000), "bytes of pixels instead of");
  expect_refused(image(0, 0), "0 x 0");
}

TEST(DicomHostile, LengthsThatAreNone) {
  expect_refused(DicomBuilder().image({}).header(0x7FE00010, "OW", 0xFFFFFFFE).raw("ab").file(),
                 "ends inside");
  expect_refused(DicomBuilder().image({}).header(0x7FE00010, "OW", 0xFFFFFFFF).raw("ab").file(),
                 "encapsulated pixels in an uncompressed");
  expect_refused(DicomBuilder().header(0x00081030, "UT", 0xFFFFFFFF).image({}).file(),
                 "has no length");
  expect_refused(DicomBuilder().header(0x00082112, "SQ", 0xFFFFFFFF).item().image({}).file(),
                 "ends inside");
  DicomBuilder open("1.2.840.10008.1.2.5");
  open.image({}).header(0x7FE00010, "OB", 0xFFFFFFFF).item(0).item(0xFFFFFFFF).raw("abcdefgh");
  expect_refused(open.file(), "a compressed fragment without a length");
  DicomBuilder endless("1.2.840.10008.1.2.5");
  endless.compressed(2, 3, DicomBuilder::rle_stream("abcdef"));
  const std::string whole = endless.file();
  expect_refused(whole.substr(0, whole.size() - 8), "ends inside");
}

TEST(DicomHostile, EndlessRunLengths) {
  constexpr std::size_t kSize = std::size_t{60} << 20;
  const std::string table =
      DicomBuilder::number(1, 4) + DicomBuilder::number(64, 4) + std::string(56, '\0');
  DicomBuilder nothing("1.2.840.10008.1.2.5");  // 0x80: no value
  expect_refused(nothing.compressed(2, 3, table + std::string(kSize, '\x80')).file(),
                 "an RLE segment that gives too few values");
  DicomBuilder cut("1.2.840.10008.1.2.5");  // a literal run of 3 with 2 values in it
  expect_refused(cut.compressed(2, 3, table + "\x01xy\x02xy").file(), "too few values");
  std::string runs;  // 128 values each, one run for all and 15 million more
  for (std::size_t i = 0; i < kSize / 4; ++i) runs += "\x81x";
  DicomBuilder many("1.2.840.10008.1.2.5");
  const std::string file = many.compressed(2, 3, table + runs).file();
  EXPECT_EQ(complaint_in_child([&] {
              dicom_display(std::as_bytes(std::span(file)), "x.dcm");  // the first run is enough
              return std::string();
            }),
            "");
}

std::string jpeg2000_file(const std::string& stream) {
  DicomBuilder builder("1.2.840.10008.1.2.4.91");
  std::string even = stream + std::string(stream.size() % 2, '\0');
  builder.image({.rows = 512, .cols = 512}).header(0x7FE00010, "OB", 0xFFFFFFFF).item(0);
  return builder.item(static_cast<std::uint32_t>(even.size())).raw(even).end_sequence().file();
}

void put(std::string& bytes, std::size_t at, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    bytes[at + i] = static_cast<char>(value >> (8 * (size - 1 - i)) & 0xFF);
}

TEST(DicomHostile, Jpeg2000StreamsThatAskForMuch) {
  const std::string good = testing::encode_jpeg2000(
      {.rows = 512, .cols = 512, .values = std::vector<int>(512 * 512, 9)});
  const std::size_t coding = good.find("\xFF\x52");
  ASSERT_NE(coding, std::string::npos);
  const auto with = [&](std::size_t at, std::uint32_t value, std::size_t size) {
    std::string changed = good;
    put(changed, at, value, size);
    return changed;
  };
  std::string vast = with(8, 60000, 4);
  put(vast, 12, 60000, 4);
  expect_refused(jpeg2000_file(vast), "60000 x 60000");
  std::string tiles = with(24, 1, 4);
  put(tiles, 28, 1, 4);
  expect_refused(jpeg2000_file(tiles), "more than 4096 tiles");
  expect_refused(jpeg2000_file(with(24, 0, 4)), "tiles without pixels");
  expect_refused(jpeg2000_file(with(coding + 10, 0, 2)), "code-blocks of less than 64 pixels");
  expect_refused(jpeg2000_file(with(coding + 9, 33, 1)), "33 decomposition levels");
  std::string precincts = good;  // of 2 x 2 pixels in both resolutions
  put(precincts, coding + 2, 12 + 2, 2);
  put(precincts, coding + 4, 1, 1);
  precincts.insert(coding + 14, std::string("\x11\x11", 2));
  expect_refused(jpeg2000_file(precincts), "precincts of a few pixels");
  put(precincts, coding + 14, 0x5555, 2);  // 32 x 32, and 65,535 layers
  put(precincts, coding + 6, 65535, 2);
  expect_refused(jpeg2000_file(precincts), "too many packets");
  std::string packed = good;
  packed.insert(coding, std::string("\xFF\x60\x00\x03\x00", 5));
  expect_refused(jpeg2000_file(packed), "a segment ff60");
}

TEST(DicomHostile, JpegStreamsThatContradictTheirHeader) {
  const auto jpeg = [](const std::string& frame) {
    DicomBuilder builder("1.2.840.10008.1.2.4.51");
    builder.compressed(2, 3, "\xFF\xD8" + frame + std::string("\x01\x01\x11\x00\xFF\xD9", 6));
    return builder.file();
  };
  expect_refused(jpeg(std::string("\xFF\xC1\x00\x0B\x08\xFF\xDC\xFF\xDC", 9)), "65500 x 65500");
  expect_refused(jpeg(std::string("\xFF\xC1\x00\x0B\x0C\x00\x02\x00\x03", 9)),
                 "12 bits in 8 allocated");
  expect_refused(jpeg(std::string("\xFF\xC1\x00\x0B\x08\x00\x00\x00\x03", 9)), "0 x 3 x 1");
}

}  // namespace
}  // namespace biplane
