// What headers of hospitals and devices get wrong, and JPEG 2000.
#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/imaging/decode.h"
#include "tests/imaging/dicom_builder.h"
#include "tests/imaging/jpeg2000_encode.h"

namespace biplane {
namespace {

using testing::DicomBuilder;
using ::testing::ElementsAre;
using testing::encode_jpeg2000;
using ::testing::HasSubstr;
using testing::Jpeg2000Sample;

std::span<const std::byte> bytes_of(const std::string& content) {
  return std::as_bytes(std::span(content));
}

std::string refusal(const std::string& content) {
  try {
    dicom_display(bytes_of(content), "x.dcm");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(e.what(), HasSubstr("x.dcm"));
    return e.what();
  }
  return "accepted";
}

std::vector<float> display(const DicomBuilder& builder) {
  return dicom_display(bytes_of(builder.file()), "x.dcm").pixels;
}
DicomStatistics statistics(const DicomBuilder& builder) {
  return dicom_statistics(bytes_of(builder.file()), "x.dcm");
}
std::vector<std::int32_t> stored(const std::string& file) {
  return dicom_pixels(bytes_of(file), "x.dcm").values;
}

DicomBuilder row_of(unsigned cols) {
  DicomBuilder builder;
  builder.image({.rows = 1, .cols = cols, .bits = 16});
  return builder;
}

// An item of a LUT sequence; `data` as it stands in the file.
void add_table(DicomBuilder& builder, const std::vector<int>& descriptor, const std::string& data) {
  builder.item().header(0x00283002, "US", 6);
  for (const int number : descriptor)
    builder.raw(DicomBuilder::number(static_cast<std::uint16_t>(number), 2));
  builder.header(0x00283006, "OW", static_cast<std::uint32_t>(data.size())).raw(data).end_item();
}

std::string words(const std::vector<int>& values) {
  std::string data;
  for (const int value : values) data += DicomBuilder::number(static_cast<std::uint16_t>(value), 2);
  return data;
}

TEST(DicomTraps, PixelPaddingIsNoMeasurement) {
  DicomBuilder builder = row_of(4);
  builder.us(0x00280120, 60000).pixels({60000, 100, 200, 300});
  EXPECT_THAT(display(builder), ElementsAre(1, 0, 0.5F, 1));
  DicomBuilder range = row_of(5);
  range.us(0x00280120, 60000).us(0x00280121, 60010).pixels({60005, 60010, 100, 200, 300});
  EXPECT_THAT(display(range), ElementsAre(1, 1, 0, 0.5F, 1));
  DicomBuilder nothing_else = row_of(2);
  EXPECT_THAT(display(nothing_else.us(0x00280120, 7).pixels({7, 7})), ElementsAre(0, 0));
}

TEST(DicomTraps, TheFirstOfSeveralVoiTablesCounts) {
  DicomBuilder builder = row_of(3);
  builder.header(0x00283010, "SQ", 0xFFFFFFFF);
  add_table(builder, {3, 10, 16}, words({0, 32768, 65535}));
  add_table(builder, {3, 10, 16}, words({65535, 0, 0}));
  builder.end_sequence().pixels({10, 11, 12});
  const std::vector<float> shown = display(builder);
  EXPECT_EQ(shown[0], 0);
  EXPECT_NEAR(shown[1], 0.5, 1e-4);
  EXPECT_EQ(shown[2], 1);
  EXPECT_EQ(statistics(builder).display_rule, "VOI LUT");
}

TEST(DicomTraps, ZeroEntriesAre65536AndTheFirstInputIsSignedWhereValuesAre) {
  std::vector<int> entries(65536);
  for (int i = 0; i < 65536; ++i) entries[static_cast<std::size_t>(i)] = i;
  DicomBuilder builder;
  builder.image({.rows = 1, .cols = 3, .bits = 16, .is_signed = true});
  builder.header(0x00283010, "SQ", 0xFFFFFFFF);
  add_table(builder, {0, -32768, 16}, words(entries));
  builder.end_sequence().pixels({-32768, 0, 32767});
  const std::vector<float> shown = display(builder);
  EXPECT_EQ(shown[0], 0);
  EXPECT_NEAR(shown[1], 0.5, 1e-4);
  EXPECT_EQ(shown[2], 1);
}

TEST(DicomTraps, TwoEntriesOfEightBitsStandInAWord) {
  DicomBuilder builder = row_of(3);
  builder.header(0x00283010, "SQ", 0xFFFFFFFF);
  add_table(builder, {3, 0, 8}, std::string("\x00\x80\xFF\x00", 4));
  builder.end_sequence().pixels({0, 1, 2});
  EXPECT_THAT(display(builder), ElementsAre(0, 128 / 255.0F, 1));
}

TEST(DicomTraps, DirtAboveTheStoredBitsIsCutOff) {
  DicomBuilder builder;
  builder.image({.rows = 1, .cols = 3, .bits = 12}).pixels({0xF001, 0x8FFF, 0x0005});
  EXPECT_THAT(stored(builder.file()), ElementsAre(1, 4095, 5));
}

TEST(DicomTraps, ARescaleWithSlopeZeroSaysNothing) {
  DicomBuilder builder = row_of(3);
  builder.text(0x00281052, "DS", "-5").text(0x00281053, "DS", "0").pixels({0, 1, 2});
  EXPECT_THAT(display(builder), ElementsAre(0, 0.5F, 1));
  EXPECT_EQ(statistics(builder).modality_rule, "none");
  DicomBuilder falling = row_of(3);
  falling.text(0x00281052, "DS", "4").text(0x00281053, "DS", "-2").pixels({0, 1, 2});
  EXPECT_THAT(display(falling), ElementsAre(1, 0.5F, 0));
  EXPECT_EQ(statistics(falling).modality_rule, "rescale -2/4");
}

TEST(DicomTraps, WindowsThatAreNoneAndFunctionsThatNobodyKnows) {
  const auto rule = [](const char* width, const char* function) {
    DicomBuilder builder = row_of(3);
    builder.text(0x00281050, "DS", "1").text(0x00281051, "DS", width);
    return statistics(builder.text(0x00281056, "CS", function).pixels({0, 1, 2})).display_rule;
  };
  EXPECT_EQ(rule("0", "LINEAR"), "min-max");
  EXPECT_EQ(rule("-4", "SIGMOID"), "min-max");
  EXPECT_EQ(rule("0.5", "LINEAR"), "min-max");
  EXPECT_EQ(rule("0.5", "LINEAR_EXACT"), "window 1/0.5 LINEAR_EXACT");
  EXPECT_EQ(rule("4", "CUBIC"), "window 1/4 LINEAR");
}

TEST(DicomTraps, ColourFramesAndForeignTransferSyntaxesAreRefusedByName) {
  for (const char* photometric : {"PALETTE COLOR", "RGB", "YBR_FULL"}) {
    DicomBuilder builder;
    EXPECT_THAT(
        refusal(builder.image({.photometric = photometric}).pixels({0, 1, 2, 3, 4, 5}).file()),
        HasSubstr(photometric));
  }
  DicomBuilder colour;
  colour.us(0x00280002, 3).text(0x00280004, "CS", "RGB").us(0x00280010, 1).us(0x00280011, 2);
  colour.us(0x00280100, 8).us(0x00280101, 8).us(0x00280102, 7).us(0x00280103, 0);
  EXPECT_THAT(refusal(colour.header(0x7FE00010, "OW", 6).raw("abcdef").file()),
              HasSubstr("colour image of 3 samples"));
  const auto of_syntax = [](const char* uid) {
    return refusal(DicomBuilder(uid).image({}).pixels({0, 1, 2, 3, 4, 5}).file());
  };
  EXPECT_THAT(of_syntax("1.2.840.113619.5.2"), HasSubstr("1.2.840.113619.5.2"));
  EXPECT_THAT(of_syntax("1.2.840.10008.1.2.4.100"), HasSubstr("MPEG2"));
}

TEST(DicomTraps, AnRleRunOf128IsNoValue) {
  const std::string table =
      DicomBuilder::number(1, 4) + DicomBuilder::number(64, 4) + std::string(56, '\0');
  DicomBuilder builder("1.2.840.10008.1.2.5");
  builder.compressed(2, 3, table + "\x80\x01xy\x80\x80\xFDz");
  EXPECT_THAT(stored(builder.file()), ElementsAre('x', 'y', 'z', 'z', 'z', 'z'));
}

// ---- JPEG 2000

std::string jpeg2000_file(const std::vector<std::string>& fragments,
                          const DicomBuilder::Image& image) {
  DicomBuilder builder("1.2.840.10008.1.2.4.90");
  builder.image(image).header(0x7FE00010, "OB", 0xFFFFFFFF).item(0);
  for (std::string part : fragments) {
    if (part.size() % 2 != 0) part += '\0';
    builder.item(static_cast<std::uint32_t>(part.size())).raw(part);
  }
  return builder.end_sequence().file();
}

TEST(Jpeg2000, ValuesComeBackFromOneFragmentFromManyAndFromAJp2File) {
  const std::vector<int> values = {0, 100, 4095, 7, 8, 9};
  const std::string stream = encode_jpeg2000({.values = values});
  ASSERT_FALSE(stream.empty());
  EXPECT_THAT(stored(jpeg2000_file({stream}, {})), ::testing::ElementsAreArray(values));
  const std::size_t half = stream.size() / 4 * 2 + 20;
  EXPECT_THAT(stored(jpeg2000_file({stream.substr(0, half), stream.substr(half)}, {})),
              ::testing::ElementsAreArray(values));
  const std::string boxes = std::string("\0\0\0\x0CjP  \r\n\x87\n", 12) +
                            std::string(
                                "\0\0\0\x0C"
                                "ftypjp2 ",
                                12) +
                            std::string("\0\0\0\0jp2c", 8) + stream;
  EXPECT_THAT(stored(jpeg2000_file({boxes}, {})), ::testing::ElementsAreArray(values));
}

TEST(Jpeg2000, TheHeaderTellsWhetherBitsAreSignedWhateverTheStreamSays) {
  const std::string plain = encode_jpeg2000({.values = {0, 1, 2047, 2048, 4094, 4095}});
  EXPECT_THAT(stored(jpeg2000_file({plain}, {.is_signed = true})),
              ElementsAre(0, 1, 2047, -2048, -2, -1));
  const std::string with_sign =
      encode_jpeg2000({.is_signed = true, .values = {0, 1, 2047, -2048, -2, -1}});
  EXPECT_THAT(stored(jpeg2000_file({with_sign}, {})), ElementsAre(0, 1, 2047, 2048, 4094, 4095));
  EXPECT_THAT(stored(jpeg2000_file({with_sign}, {.is_signed = true})),
              ElementsAre(0, 1, 2047, -2048, -2, -1));
}

TEST(Jpeg2000, MoreBitsThanTheHeaderStoresAreBelievedUpToThoseAllocated) {
  const std::string wide = encode_jpeg2000({.precision = 14, .values = {0, 1, 2, 3, 4, 16383}});
  EXPECT_EQ(stored(jpeg2000_file({wide}, {}))[5], 16383);
  const std::string eight = encode_jpeg2000({.precision = 12, .values = {0, 1, 2, 3, 4, 5}});
  DicomBuilder narrow("1.2.840.10008.1.2.4.90");
  EXPECT_THAT(refusal(narrow.compressed(2, 3, eight).file()), HasSubstr("12 bits in 8 allocated"));
}

TEST(Jpeg2000, ContradictingAndDamagedStreamsAreRefused) {
  const std::string stream = encode_jpeg2000({.values = {0, 1, 2, 3, 4, 5}});
  EXPECT_THAT(refusal(jpeg2000_file({stream}, {.rows = 3, .cols = 3})),
              HasSubstr("2 x 3 x 1 values, the header 3 x 3 x 1"));
  const std::string colour = encode_jpeg2000({.components = 3, .values = {0, 1, 2, 3, 4, 5}});
  EXPECT_THAT(refusal(jpeg2000_file({colour}, {})), HasSubstr("2 x 3 x 3 values"));
  EXPECT_THAT(
      refusal(jpeg2000_file({"no JPEG 2000 stream at all, but longer than its header"}, {})),
      HasSubstr("does not begin"));
  for (std::size_t size = 0; size + 4 < stream.size(); ++size)
    EXPECT_THAT(refusal(jpeg2000_file({stream.substr(0, size)}, {})), HasSubstr("damaged DICOM"))
        << size;
  for (std::size_t i = 0; i < stream.size(); ++i)
    for (const int change : {1, 16, 128, 255}) {
      std::string damaged = stream;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      refusal(jpeg2000_file({damaged}, {}));  // an image or an Error, never anything else
    }
}

}  // namespace
}  // namespace biplane
