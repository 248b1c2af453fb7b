#include <gmock/gmock.h>
#include <zlib.h>

#include <cmath>
#include <thread>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "tests/imaging/dicom_builder.h"

namespace biplane {
namespace {

using testing::DicomBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& content) {
  return std::as_bytes(std::span(content));
}

// The message with which a content is refused; empty if it is accepted.
std::string refusal(const std::string& content, const DecodeLimits& limits = {}) {
  try {
    dicom_display(bytes_of(content), "x.dcm", limits);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(e.what(), HasSubstr("x.dcm"));
    return e.what();
  }
  return {};
}

std::vector<float> display(const DicomBuilder& builder) {
  return dicom_display(bytes_of(builder.file()), "x.dcm").pixels;
}

const std::vector<int> kRamp = {0, 100, 200, 300, 400, 500};

DicomBuilder plain() { return DicomBuilder().text(0x00080060, "CS", "CR").image({}).pixels(kRamp); }

TEST(Dicom, WithoutAWindowValuesStretchFromLeastToMost) {
  EXPECT_THAT(display(plain()), ElementsAre(0, 0.2F, 0.4F, 0.6F, 0.8F, 1));
  const GreyImage grey = decode_grey(bytes_of(plain().file()), "x.dcm");
  EXPECT_EQ(grey.rows, 2);
  EXPECT_EQ(grey.cols, 3);
  EXPECT_THAT(grey.pixels, ElementsAre(0, 51, 102, 153, 204, 255));
  const auto same = display(DicomBuilder().image({}).pixels({7, 7, 7, 7, 7, 7}));
  EXPECT_THAT(same, ::testing::Each(0.0F));
}

TEST(Dicom, ImplicitVrAndFilesWithoutPreambleAreRead) {
  DicomBuilder implicit("1.2.840.10008.1.2", false);
  implicit.text(0x00080060, "CS", "CR").image({}).pixels(kRamp);
  const std::vector<float> expected = display(plain());
  EXPECT_EQ(display(implicit), expected);
  EXPECT_EQ(dicom_display(bytes_of(implicit.body()), "x").pixels, expected);
  EXPECT_EQ(dicom_display(bytes_of(plain().body()), "x").pixels, expected);
}

TEST(Dicom, MonochromeOneAndTheInverseShapeInvertOnce) {
  const auto with = [](const std::string& photometric, const std::string& shape) {
    DicomBuilder builder;
    builder.image({.photometric = photometric});
    if (!shape.empty()) builder.text(0x20500020, "CS", shape);
    return display(builder.pixels(kRamp))[0];
  };
  EXPECT_EQ(with("MONOCHROME2", ""), 0);
  EXPECT_EQ(with("MONOCHROME1", ""), 1);
  EXPECT_EQ(with("MONOCHROME2", "INVERSE"), 1);
  EXPECT_EQ(with("MONOCHROME1", "INVERSE"), 1);  // the pair that the standard prescribes
  EXPECT_EQ(with("MONOCHROME2", "IDENTITY"), 0);
}

DicomBuilder windowed(const std::string& center, const std::string& width,
                      const std::string& function) {
  DicomBuilder builder;
  builder.image({}).text(0x00281050, "DS", center).text(0x00281051, "DS", width);
  if (!function.empty()) builder.text(0x00281056, "CS", function);
  return builder.pixels(kRamp);
}

TEST(Dicom, WindowsFollowTheirFunction) {
  const auto linear = display(windowed("250", "201", ""));
  EXPECT_EQ(linear[1], 0);
  EXPECT_NEAR(linear[2], (200 - 249.5) / 200 + 0.5, 1e-6);
  EXPECT_EQ(linear[4], 1);
  EXPECT_NEAR(display(windowed("250", "200", "LINEAR_EXACT"))[2], (200 - 250) / 200.0 + 0.5, 1e-6);
  EXPECT_NEAR(display(windowed("250", "200", "SIGMOID"))[3], 1 / (1 + std::exp(-4 * 50 / 200.0)),
              1e-6);
  EXPECT_NEAR(display(windowed("250\\1", "201\\1", "LINEAR"))[2], linear[2],
              1e-6);  // the first pair
  EXPECT_THAT(display(windowed("250", "0", "")), ElementsAre(0, 0.2F, 0.4F, 0.6F, 0.8F, 1));
}

TEST(Dicom, StatisticsNameTheRuleThatThePixelsFollow) {
  const auto rule = [](const DicomBuilder& builder) {
    return dicom_statistics(bytes_of(builder.file()), "x").display_rule;
  };
  EXPECT_EQ(rule(windowed("250", "201", "")), "window 250/201 LINEAR");
  EXPECT_EQ(rule(windowed("250", "0", "")), "min-max");  // no window of that width
  DicomBuilder builder;
  builder.image({.photometric = "MONOCHROME1"}).text(0x20500020, "CS", "IDENTITY").pixels(kRamp);
  EXPECT_EQ(rule(builder), "min-max, inverted");
  EXPECT_EQ(display(builder)[0], 1);
}

TEST(Dicom, RescaleComesBeforeTheWindow) {
  DicomBuilder builder;
  builder.image({}).text(0x00281050, "DS", "0").text(0x00281051, "DS", "1000");
  builder.text(0x00281052, "DS", "-500")
      .text(0x00281053, "DS", "2")
      .text(0x00281056, "CS", "LINEAR_EXACT");
  EXPECT_NEAR(display(builder.pixels(kRamp))[1], (100 * 2 - 500) / 1000.0 + 0.5, 1e-6);
}

TEST(Dicom, SignedValuesExtendTheirSignBit) {
  DicomBuilder builder;
  builder.image({.rows = 1, .cols = 3, .bits = 12, .is_signed = true})
      .pixels({0xFFF, 0x7FF, 0x800});
  const DicomPixels pixels = dicom_pixels(bytes_of(builder.file()), "x");
  EXPECT_THAT(pixels.values, ElementsAre(-1, 2047, -2048));
}

DicomBuilder& lookup_table(DicomBuilder& builder, std::uint32_t sequence,
                           const std::vector<int>& entries, int first, int bits) {
  builder.header(sequence, "SQ", 0xFFFFFFFF).item();
  builder.header(0x00283002, "US", 6)
      .raw(DicomBuilder::number(entries.size(), 2) +
           DicomBuilder::number(static_cast<std::uint16_t>(first), 2) +
           DicomBuilder::number(static_cast<unsigned>(bits), 2));
  builder.header(0x00283006, "OW", static_cast<std::uint32_t>(2 * entries.size()));
  for (const int entry : entries)
    builder.raw(DicomBuilder::number(static_cast<unsigned>(entry), 2));
  return builder.end_item().end_sequence();
}

TEST(Dicom, LookupTablesAreAppliedInOrderAndClampAtTheirEnds) {
  DicomBuilder builder;
  builder.image({.rows = 1, .cols = 4});
  lookup_table(builder, 0x00283000, {10, 11, 12}, 5,
               16);  // modality: 5 -> 10, 6 -> 11, from 7 on 12
  lookup_table(builder, 0x00283010, {0, 128, 255}, 10, 8);  // VOI on its output
  EXPECT_THAT(display(builder.pixels({0, 5, 6, 99})), ElementsAre(0, 0, 128 / 255.0F, 1));
}

TEST(Dicom, DeflatedFilesAreInflatedUpToTheLimit) {
  const auto deflated = [](const std::string& data) {
    std::string out(compressBound(static_cast<uLong>(data.size())) + 64, '\0');
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return DicomBuilder("1.2.840.10008.1.2.1.99").file(out);
  };
  EXPECT_EQ(dicom_display(bytes_of(deflated(plain().body())), "x").pixels, display(plain()));
  const std::string bomb = deflated(std::string(80 << 20, '\0'));
  EXPECT_LT(bomb.size(), 1U << 20);
  EXPECT_THAT(refusal(bomb), HasSubstr("larger than"));
  const std::string whole = deflated(plain().body());
  EXPECT_THAT(refusal(whole.substr(0, whole.size() - 5)), HasSubstr("incomplete"));
}

// 20 bytes a level, undefined lengths; and defined ones, which a reader only sees through the
// dictionary.
std::string nested(int levels, bool explicit_vr, bool defined) {
  DicomBuilder builder(explicit_vr ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2", explicit_vr);
  const int header = explicit_vr ? 12 : 8;
  for (int i = 0; i < levels; ++i) {
    const auto left = static_cast<std::uint32_t>((levels - i - 1) * (header + 8));
    builder.header(0x00082112, "SQ", defined ? left + 8 : 0xFFFFFFFF)
        .item(defined ? left : 0xFFFFFFFF);
  }
  for (int i = 0; i < levels && !defined; ++i) builder.end_item().end_sequence();
  builder.image({}).pixels(kRamp);
  return builder.file();
}

TEST(Dicom, DeepNestingIsRefusedWithoutRecursion) {
  std::thread([] {
    for (const bool explicit_vr : {true, false}) {
      for (const bool defined : {true, false}) {
        EXPECT_EQ(refusal(nested(64, explicit_vr, defined)), "");
        for (const int levels : {65, 6000, 100000})
          EXPECT_THAT(refusal(nested(levels, explicit_vr, defined)), HasSubstr("deeper")) << levels;
      }
    }
  }).join();
}

TEST(Dicom, HostileHeadersAreRefusedByName) {
  const auto image = [](unsigned rows, unsigned cols) {
    return DicomBuilder().image({.rows = rows, .cols = cols}).pixels(kRamp).file();
  };
  EXPECT_THAT(refusal(image(65535, 65535)), HasSubstr("65535 x 65535"));
  EXPECT_THAT(refusal(image(10, 10)), HasSubstr("instead of 200"));
  EXPECT_THAT(refusal(image(0, 3)), HasSubstr("0 x 3"));
  EXPECT_THAT(refusal(DicomBuilder().image({}).file()), HasSubstr("without pixels"));
  EXPECT_THAT(refusal(DicomBuilder("1.2.3").image({}).pixels(kRamp).file()),
              HasSubstr("1.2.3 is not supported"));
  EXPECT_THAT(
      refusal(DicomBuilder().image({}).header(0x7FE00010, "OW", 0x7FFFFFFF).raw("abcd").file()),
      HasSubstr("ends inside"));
  EXPECT_THAT(refusal(DicomBuilder().text(0x00280008, "IS", "2").image({}).pixels(kRamp).file()),
              HasSubstr("2 frames"));
  EXPECT_THAT(refusal(DicomBuilder()
                          .text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2")
                          .image({})
                          .pixels(kRamp)
                          .file()),
              HasSubstr("SOP class"));
  DicomBuilder many;
  for (int i = 0; i < 2000; ++i) many.us(0x00091001, 1);
  DecodeLimits limits;
  limits.max_dicom_elements = 1000;
  EXPECT_THAT(refusal(many.image({}).pixels(kRamp).file(), limits), HasSubstr("data elements"));
  EXPECT_THAT(refusal("not a DICOM file, but longer than sixteen bytes"), HasSubstr("not a DICOM"));
}

TEST(Dicom, CompressedPixelsDecodeToTheirValues) {
  DicomBuilder rle("1.2.840.10008.1.2.5");
  rle.compressed(2, 3, DicomBuilder::rle_stream("abcdef"));
  EXPECT_THAT(dicom_pixels(bytes_of(rle.file()), "x").values,
              ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  GreyImage image = make_grey(16, 24);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i / 2);
  const std::string stream = encode_jpeg(image, 95);
  DicomBuilder jpeg("1.2.840.10008.1.2.4.50");
  const DicomPixels pixels = dicom_pixels(bytes_of(jpeg.compressed(16, 24, stream).file()), "x");
  const GreyImage direct = decode_grey(bytes_of(stream), "x");
  for (std::size_t i = 0; i < direct.pixels.size(); ++i)
    ASSERT_NEAR(pixels.values[i], direct.pixels[i], 1) << i;
}

TEST(Dicom, CompressedFragmentsAreCheckedBeforeDecoding) {
  const auto rle = [](const std::string& fragment) {
    DicomBuilder builder("1.2.840.10008.1.2.5");
    builder.image({}).header(0x7FE00010, "OB", 0xFFFFFFFF).item(0);
    builder.item(static_cast<std::uint32_t>(fragment.size())).raw(fragment);
    return builder.end_sequence().file();
  };
  EXPECT_THAT(refusal(rle(std::string(40, '\0'))), HasSubstr("64 bytes"));
  EXPECT_THAT(refusal(rle(std::string(80, '\xFF'))), HasSubstr("RLE segments"));
  const std::string outside = DicomBuilder::number(2, 4) + DicomBuilder::number(64, 4) +
                              DicomBuilder::number(900, 4) + std::string(68, '\0');
  EXPECT_THAT(refusal(rle(outside)), HasSubstr("outside its fragment"));
  DicomBuilder jpeg("1.2.840.10008.1.2.4.50");
  jpeg.image({}).header(0x7FE00010, "OB", 0xFFFFFFFF).item(0).item(20);
  const std::string stream(
      "\xFF\xD8\xFF\xC0\x00\x0B\x08\xFF\xDC\xFF\xDC\x01\x01\x11\x00\xFF\xD9\0\0\0", 20);
  EXPECT_THAT(refusal(jpeg.raw(stream).end_sequence().file()), HasSubstr("65500 x 65500"));
}

// Every changed byte and every length of a valid file: an image or an Error, never anything else.
TEST(Dicom, DamageNeverEscapesTheChecks) {
  DicomBuilder builder;
  builder.text(0x00080060, "CS", "CR").image({});
  lookup_table(builder, 0x00283010, {0, 128, 255}, 10, 8);
  const std::string content = builder.pixels(kRamp).file();
  std::size_t refused = 0;
  for (std::size_t i = 128; i < content.size(); ++i) {
    refused += refusal(content.substr(0, i)).empty() ? 0 : 1;
    for (const int change : {1, 16, 128, 255}) {
      std::string damaged = content;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      refusal(damaged);
    }
  }
  EXPECT_EQ(refused, content.size() - 128);
}

}  // namespace
}  // namespace biplane
