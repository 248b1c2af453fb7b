// Decoding and resizing against other libraries' values: every entry of golden/image/index.json.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/md5.h"
#include "biplane/formats/safetensors.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/preprocess.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json golden_index() {
  std::ifstream in(testing::test_data("golden/image/index.json"));
  return json::parse(in);
}

std::filesystem::path golden(const std::string& file) {
  return testing::test_data("golden/image") / file;
}

double mean(const std::vector<std::uint8_t>& pixels) {
  return std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
}

int largest_difference(const GreyImage& a, const GreyImage& b) {
  if (a.rows != b.rows || a.cols != b.cols) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  return largest;
}

void expect_image(const json& entry, const GreyImage& image) {
  EXPECT_EQ(image.rows, entry.at("rows").get<int>());
  EXPECT_EQ(image.cols, entry.at("cols").get<int>());
  const double tolerance = entry.value("tolerance", 0);
  EXPECT_NEAR(mean(image.pixels), entry.at("mean_grey").get<double>(), tolerance + 1e-9);
  if (tolerance == 0) {
    EXPECT_EQ(md5_hex(std::as_bytes(std::span(image.pixels))),
              entry.at("md5_grey").get<std::string>());
  }
  if (entry.contains("grey")) {
    const GreyImage expected = read_image(golden(entry.at("grey")), {}).image;
    EXPECT_LE(largest_difference(image, expected), tolerance);
  }
}

TEST(GoldenImages, EveryFileDecodesOrIsRefusedByName) {
  BIPLANE_NEEDS_TEST_DATA("golden/image/index.json");
  std::size_t decoded = 0, refused = 0;
  for (const json& entry : golden_index()) {
    const std::string file = entry.at("file");
    SCOPED_TRACE(file);
    const std::string expected = entry.at("expected");
    try {
      const GreyImage image = read_image(golden(file), {}).image;
      EXPECT_NE(expected, "error") << "was decoded";
      if (expected == "image") expect_image(entry, image);
      const ImageInfo info = probe_image(golden(file));
      EXPECT_EQ(info.rows, image.rows);
      EXPECT_EQ(info.cols, image.cols);
      ++decoded;
    } catch (const Error& e) {
      EXPECT_NE(expected, "image") << e.what();
      EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
      EXPECT_THAT(e.what(), HasSubstr(golden(file).string()));
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
      ++refused;
    }
  }
  EXPECT_GT(decoded, 0U);
  EXPECT_GT(refused, 0U);
}

TEST(GoldenImages, SixteenBitsSurviveAsFloat) {
  BIPLANE_NEEDS_TEST_DATA("golden/image/index.json");
  for (const json& entry : golden_index()) {
    if (!entry.contains("mean_in_0_1")) continue;
    const std::string file = entry.at("file");
    const std::string content = read_file(golden(file));
    const FloatImage image = decode_float(std::as_bytes(std::span(content)), file);
    const double sum = std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0);
    EXPECT_NEAR(sum / static_cast<double>(image.pixels.size()),
                entry.at("mean_in_0_1").get<double>(), 1e-6)
        << file;
  }
}

TEST(GoldenImages, PaddedResizeAgreesWithAreaAveraging) {
  BIPLANE_NEEDS_TEST_DATA("golden/image/index.json");
  int compared = 0;
  for (const json& entry : golden_index()) {
    if (entry.at("kind") != "resize") continue;
    const GreyImage image = read_image(golden(entry.at("file")), {}).image;
    for (const auto& [key, output] : entry.at("outputs").items()) {
      if (key.rfind("pad", 0) != 0 || !output.contains("content_rows")) continue;
      SCOPED_TRACE(entry.at("file").get<std::string>() + " " + key);
      const int size = std::stoi(key.substr(3));
      const PadGeometry geometry = pad_geometry(image.rows, image.cols, size);
      EXPECT_EQ(geometry.content_rows, output.at("content_rows").get<int>());
      EXPECT_EQ(geometry.content_cols, output.at("content_cols").get<int>());
      EXPECT_EQ(geometry.top, output.at("top").get<int>());
      EXPECT_EQ(geometry.left, output.at("left").get<int>());
      const GreyImage expected = read_image(golden(output.at("file")), {}).image;
      EXPECT_LE(largest_difference(resize_and_pad(image, size), expected), 1);
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

TEST(GoldenImages, ShortestSideCropAgreesWithAntialiasedBilinear) {
  BIPLANE_NEEDS_TEST_DATA("golden/image/crop.safetensors");
  const SafetensorsFile crops = SafetensorsFile::open(golden("crop.safetensors"));
  PreprocessOptions options;
  options.fit = "shortest";
  options.size = options.crop = 224;
  int compared = 0;
  for (const TensorEntry& entry : crops.entries()) {
    SCOPED_TRACE(entry.name);
    ASSERT_EQ(entry.dtype, "F32");
    const auto file = golden("inputs/" + entry.name.substr(0, entry.name.find('.')) + ".png");
    const FloatImage fitted = fit_image(read_image(file, {}).image, options);
    const FloatImage crop = crop_image(fitted, centre_crop(fitted.rows, fitted.cols, 224), 224);
    const auto bytes = crops.bytes(entry);
    ASSERT_EQ(bytes.size(), crop.pixels.size() * sizeof(float));
    std::vector<float> expected(crop.pixels.size());
    std::memcpy(expected.data(), bytes.data(), bytes.size());
    float largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      largest = std::max(largest, std::abs(expected[i] - crop.pixels[i]));
    EXPECT_LE(largest, 5e-5F);
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

double mean_of(const FloatImage& image) {
  return std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) /
         static_cast<double>(image.pixels.size());
}

// Compares the model input that is made of the reduced image with that of the full one; true if it
// was reduced at all.
bool expect_equal_means(const std::string& file, const GreyImage& full, int size) {
  PreprocessOptions options;
  options.size = options.crop = size;
  DecodeOptions decode;
  decode.target_longest_side = size;
  const DecodedImage small = decode_image(std::as_bytes(std::span(file)), "file", decode);
  EXPECT_EQ(small.original_rows, full.rows);
  EXPECT_EQ(small.original_cols, full.cols);
  EXPECT_GE(std::max(small.image.rows, small.image.cols),
            std::min(size, std::max(full.rows, full.cols)));
  EXPECT_NEAR(mean_of(fit_image(small, options)), mean_of(fit_image(full, options)), 1.0 / 255);
  return small.reduction.by > 1;
}

TEST(GoldenImages, ReducedJpegKeepsTheMean) {
  BIPLANE_NEEDS_TEST_DATA("cxr/images");
  int reduced = 0;
  for (const auto& item : std::filesystem::directory_iterator(testing::test_data("cxr/images"))) {
    SCOPED_TRACE(item.path().filename().string());
    const GreyImage full = read_image(item.path(), {}).image;
    for (const int size : {48, 256})
      reduced += expect_equal_means(read_file(item.path()), full, size) ? 1 : 0;
  }
  EXPECT_GT(reduced, 0);
}

TEST(GoldenImages, ReducedJpegOfFullSizeKeepsTheMean) {
  BIPLANE_NEEDS_TEST_DATA("cxr/images");
  int count = 0;
  for (const auto& item : std::filesystem::directory_iterator(testing::test_data("cxr/images"))) {
    SCOPED_TRACE(item.path().filename().string());
    const GreyImage large = resize_area(read_image(item.path(), {}).image, 3003, 2507);
    for (const int quality : {30, 95}) {
      const std::string file = encode_jpeg(large, quality);
      const GreyImage full = decode_grey(std::as_bytes(std::span(file)), "file");
      for (const int size : {224, 256}) EXPECT_TRUE(expect_equal_means(file, full, size));
    }
    if (++count == 4) break;
  }
}

}  // namespace
}  // namespace biplane
