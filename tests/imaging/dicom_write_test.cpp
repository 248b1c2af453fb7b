#include "biplane/imaging/dicom_write.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <regex>
#include <set>

#include "biplane/core/error.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/dicom.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

DigitalXray sample(int bits, bool monochrome1, const std::string& view = "PA") {
  DigitalXray xray;
  xray.shown = make_float(50, 40);
  for (std::size_t i = 0; i < xray.shown.pixels.size(); ++i)
    xray.shown.pixels[i] = static_cast<float>(i) / 1999.0F;
  xray.bits_stored = bits;
  xray.monochrome1 = monochrome1;
  xray.view = view;
  xray.patient_orientation = view == "LL" ? "P\\F" : "L\\F";
  xray.imager_spacing = 0.14;
  xray.magnification = 1.1;
  xray.study_uid = text_uid("study");
  xray.series_uid = text_uid("series");
  xray.instance_uid = text_uid("image");
  xray.patient_id = "phantom-1";
  xray.sex = "F";
  xray.age = 57;
  return xray;
}

std::span<const std::byte> bytes_of(const std::string& file) {
  return std::as_bytes(std::span(file));
}

TEST(DicomWrite, OwnReaderShowsThePictureForAllBitsAndBothPolarities) {
  for (int bits = 12; bits <= 16; ++bits)
    for (const bool monochrome1 : {false, true}) {
      const DigitalXray xray = sample(bits, monochrome1);
      const std::string file = encode_dicom(xray);
      const FloatImage shown = dicom_display(bytes_of(file), "sample");
      ASSERT_EQ(shown.pixels.size(), xray.shown.pixels.size());
      for (std::size_t i = 0; i < shown.pixels.size(); ++i)
        ASSERT_NEAR(shown.pixels[i], xray.shown.pixels[i], 0.6 / (1 << bits) * 1.04) << bits;
      EXPECT_EQ(decode_grey(bytes_of(file), "sample").pixels.front(), 0);
      const DicomPixels pixels = dicom_pixels(bytes_of(file), "sample");
      EXPECT_EQ(pixels.values.front() < pixels.values.back(), !monochrome1);
      EXPECT_GT(std::abs(pixels.values.back() - pixels.values.front()), (1 << bits) * 15 / 16);
    }
}

TEST(DicomWrite, HeaderSaysWhatTheImageIsAndNobodysName) {
  const std::string file = encode_dicom(sample(14, true, "LL"));
  const DicomInfo info = dicom_info(bytes_of(file), "sample");
  EXPECT_EQ(info.modality, "DX");
  EXPECT_EQ(info.sop_class, "1.2.840.10008.5.1.4.1.1.1.1");
  EXPECT_EQ(info.transfer_syntax, "1.2.840.10008.1.2.1");
  EXPECT_EQ(info.photometric, "MONOCHROME1");
  EXPECT_EQ(info.presentation_lut_shape, "INVERSE");
  EXPECT_EQ(info.view_position, "LL");
  EXPECT_EQ(info.body_part, "CHEST");
  EXPECT_EQ(info.laterality, "U");
  EXPECT_EQ(info.burned_in, "NO");
  EXPECT_EQ(info.rows, 50);
  EXPECT_EQ(info.cols, 40);
  EXPECT_EQ(info.bits_stored, 14);
  EXPECT_EQ(info.bits_allocated, 16);
  EXPECT_EQ(info.study_uid, text_uid("study"));
  EXPECT_EQ(info.instance_uid, text_uid("image"));
  EXPECT_EQ(file, encode_dicom(sample(14, true, "LL")));
}

TEST(DicomWrite, UidsAreUuidsUnderTheirRoot) {
  std::set<std::string> uids;
  for (int i = 0; i < 1000; ++i) {
    const std::string uid = text_uid("study " + std::to_string(i));
    EXPECT_TRUE(std::regex_match(uid, std::regex("2\\.25\\.[1-9]\\d{0,38}"))) << uid;
    EXPECT_LE(uid.size(), 44U);
    EXPECT_TRUE(uids.insert(uid).second);
  }
  // SHA-256 of the empty text begins with e3b0c44298fc1c149afbf4c8996fb924; with the version and
  // variant bits of a UUID set that is e3b0c442-98fc-8c14-9afb-f4c8996fb924.
  EXPECT_EQ(text_uid(""), "2.25.302652579918966106791432553938847512868");
}

TEST(DicomWrite, BadBitsAndEmptyImagesAreRefused) {
  EXPECT_THROW(encode_dicom(sample(8, false)), Error);
  EXPECT_THROW(encode_dicom(sample(17, false)), Error);
  DigitalXray empty = sample(12, false);
  empty.shown = {};
  EXPECT_THROW(encode_dicom(empty), Error);
}

// Output of a program, standard error included.
std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> chunk;
  while (const std::size_t count = fread(chunk.data(), 1, chunk.size(), pipe))
    text.append(chunk.data(), count);
  pclose(pipe);
  return text;
}

bool installed(const std::string& program) { return !output_of("command -v " + program).empty(); }

// Writes a sample of every kind and hands the paths to `check`.
template <class Check>
void with_files(Check check) {
  const testing::TemporaryFolder folder;
  for (const char* view : {"PA", "AP", "LL"})
    for (const bool monochrome1 : {false, true}) {
      const std::filesystem::path path = folder / "image.dcm";
      std::ofstream(path, std::ios::binary) << encode_dicom(sample(12, monochrome1, view));
      check(path.string());
    }
}

TEST(DicomWrite, DciodvfyFindsNoErrorAndNoWarning) {
  if (!installed("dciodvfy")) GTEST_SKIP() << "dciodvfy (package dicom3tools) is not installed";
  with_files([](const std::string& path) {
    const std::string text = output_of("dciodvfy " + path);
    EXPECT_NE(text.find("DXImageForPresentation"), std::string::npos) << text;
    EXPECT_EQ(text.find("Error"), std::string::npos) << text;
    EXPECT_EQ(text.find("Warning"), std::string::npos) << text;
  });
}

TEST(DicomWrite, DcmdumpReadsTheTagsThatSayNobodyIsShown) {
  if (!installed("dcmdump")) GTEST_SKIP() << "dcmdump (package dcmtk) is not installed";
  with_files([](const std::string& path) {
    const std::string text = output_of("dcmdump " + path);
    for (const char* part :
         {"(0012,0062) CS [YES]", "[113100]", "(0018,1164) DS [0.14\\0.14]",
          "(0010,0010) PN (no value", "(0028,0301) CS [NO]", "(0010,1010) AS [057Y]"})
      EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  });
}

}  // namespace
}  // namespace biplane
