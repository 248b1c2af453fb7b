// Stored and display values of real DICOM files against dicom/index.csv.
#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/formats/csv.h"
#include "biplane/imaging/decode.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

struct IndexRow {
  const CsvReader& csv;
  const CsvRow& row;
  const std::string& operator[](const char* column) const { return row.fields[csv.column(column)]; }
};

void expect_header(const IndexRow& index, const DicomInfo& info) {
  EXPECT_EQ(std::to_string(info.bytes), index["bytes"]);
  EXPECT_EQ(info.modality, index["modality"]);
  EXPECT_EQ(info.body_part, index["body"]);
  EXPECT_EQ(info.view_position, index["view"]);
  EXPECT_EQ(info.photometric, index["photometric"]);
  EXPECT_EQ(std::to_string(info.rows), index["rows"]);
  EXPECT_EQ(std::to_string(info.cols), index["cols"]);
  EXPECT_EQ(std::to_string(info.bits_allocated), index["bits_alloc"]);
  EXPECT_EQ(std::to_string(info.bits_stored), index["bits_stored"]);
  EXPECT_EQ(std::to_string(info.pixel_representation), index["pixrep"]);
  EXPECT_EQ(info.transfer_syntax, index["ts_uid"]);
  EXPECT_EQ(info.transfer_syntax_name, index["ts_name"]);
  EXPECT_EQ(info.presentation_lut_shape, index["presentation_lut"]);
  const auto number = [](const std::string& text) {
    return text.empty() ? std::optional<double>() : std::optional<double>(std::stod(text));
  };
  EXPECT_EQ(info.window_center, number(index["wc"]));
  EXPECT_EQ(info.window_width, number(index["ww"]));
  EXPECT_EQ(info.rescale_slope, number(index["slope"]));
  EXPECT_EQ(info.rescale_intercept, number(index["intercept"]));
}

void expect_pixels(const IndexRow& index, const DicomStatistics& statistics) {
  const bool lossless = index["lossless"] == "yes";
  EXPECT_EQ(statistics.lossless, lossless);
  const double mean = std::stod(index["stored_mean"]);
  EXPECT_NEAR(statistics.stored_mean, mean, lossless ? 1e-3 : 1e-3 * mean);
  if (lossless) {
    EXPECT_EQ(statistics.stored_md5, index["stored_md5"]);
    EXPECT_EQ(std::to_string(statistics.minimum), index["min"]);
    EXPECT_EQ(std::to_string(statistics.maximum), index["max"]);
  }
  const double tolerance = lossless ? 2e-3 : 1e-2;
  EXPECT_NEAR(statistics.display_mean, std::stod(index["display_mean"]), tolerance);
  EXPECT_NEAR(statistics.display_std, std::stod(index["display_std"]), tolerance);
  EXPECT_EQ(statistics.display_rule, index["display_rule"]);
}

TEST(GoldenDicom, HeadersAndPixelsAgreeWithTheIndex) {
  BIPLANE_NEEDS_TEST_DATA("dicom/index.csv");
  CsvReader csv(testing::test_data("dicom/index.csv"));
  int decoded = 0;
  for (CsvRow row; csv.next(row);) {
    const IndexRow index{csv, row};
    SCOPED_TRACE(index["file"]);
    const auto path = testing::test_data(index["file"]);
    const std::string content = read_file(path);
    const auto bytes = std::as_bytes(std::span(content));
    expect_header(index, dicom_info(bytes, path.string()));
    expect_pixels(index, dicom_statistics(bytes, path.string()));
    ++decoded;
  }
  EXPECT_GT(decoded, 0);
}

TEST(GoldenDicom, AFileCutAnywhereIsRefused) {
  BIPLANE_NEEDS_TEST_DATA("dicom/chest_transcoded/CR_ExplicitLE.dcm");
  for (const char* file : {"CR_ExplicitLE.dcm", "CR_RLE.dcm", "CR_JPEGLossless_SV1_70.dcm",
                           "CR_Deflated.dcm", "CR_J2K_90.dcm"}) {
    const auto path = testing::test_data(std::string("dicom/chest_transcoded/") + file);
    if (!std::filesystem::exists(path)) continue;
    const std::string content = read_file(path);
    for (std::size_t part = 0; part < 40; ++part) {
      const std::string cut = content.substr(0, content.size() * part / 40);
      EXPECT_THROW(dicom_pixels(std::as_bytes(std::span(cut)), file), Error) << file << " " << part;
    }
  }
}

}  // namespace
}  // namespace biplane
