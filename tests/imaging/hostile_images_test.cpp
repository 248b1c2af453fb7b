// Files made to take time or memory: each in a process of its own with limits of both.
#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/imaging/decode.h"
#include "tests/formats/guarded_child.h"
#include "tests/imaging/jpeg_builder.h"
#include "tests/imaging/png_builder.h"

namespace biplane {
namespace {

using testing::complaint_in_child;
using testing::JpegBuilder;
using testing::png_chunk;
using testing::PngBuilder;

// What is wrong with the way a file is taken; `expected` is part of the refusal, empty for a file
// that is an image.
std::string complaint_about(const std::string& content, const std::string& expected) {
  return complaint_in_child([&] {
    try {
      decode_grey(std::as_bytes(std::span(content)), "hostile.img");
      return std::string(expected.empty() ? "" : "accepted");
    } catch (const Error& e) {
      const std::string message = e.what();
      const bool good = !expected.empty() && e.kind() == ErrorKind::kBadContent &&
                        message.find("hostile.img") == 0 &&
                        message.find(expected) != std::string::npos && message.size() < 300;
      return good ? std::string() : "refused with: " + message;
    }
  });
}

unsigned grey_sample(int y, int x, int) { return static_cast<unsigned>(10 * y + x); }
int flat_sample(int, int, int) { return 128; }

// A deflate stream of n MiB of zeros without its header and end.
std::string zero_blocks(int n) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string zeros(1 << 20, '\0'), block(1 << 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(block.data());
  stream.avail_out = static_cast<uInt>(block.size());
  deflate(&stream, Z_FULL_FLUSH);
  block.resize(block.size() - stream.avail_out);
  deflateEnd(&stream);
  std::string all;
  for (int i = 0; i < n; ++i) all += block;
  return all;
}

const std::string kZlibHeader = "\x78\x9C";

TEST(HostileImages, CompressedTextsAndProfilesAreNotUnpacked) {
  const std::string bomb = kZlibHeader + zero_blocks(20'000);  // 20 GB in 20 MB
  for (const std::string& chunk :
       {png_chunk("iCCP", std::string("icc\0\0", 5) + bomb),
        png_chunk("zTXt", std::string("Comment\0\0", 9) + bomb),
        png_chunk("iTXt", std::string("Comment\0\1\0\0\0", 12) + bomb)}) {
    PngBuilder png;
    png.before_pixels = chunk;
    EXPECT_EQ(complaint_about(png.file(grey_sample), ""), "") << chunk.substr(4, 4);
    png.before_pixels.clear();
    png.after_pixels = chunk;
    EXPECT_EQ(complaint_about(png.file(grey_sample), ""), "") << chunk.substr(4, 4) << " behind";
  }
}

TEST(HostileImages, PlentyOfTextIsPassedOver) {
  PngBuilder png;
  png.before_pixels = png_chunk("tEXt", std::string("Comment\0", 8) + std::string(20 << 20, 'x'));
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += png_chunk("tEXt", std::string("a\0b", 3));
  png.after_pixels = many + png_chunk("prVt", std::string(20 << 20, 'x'));
  EXPECT_EQ(complaint_about(png.file(grey_sample), ""), "");
}

TEST(HostileImages, PixelsBehindTheLastPixelAreNotUnpacked) {
  PngBuilder png;
  png.more_pixels = std::string(1000, '\0');  // a row or two too many do no harm
  EXPECT_EQ(complaint_about(png.file(grey_sample), ""), "");
  png.more_pixels.clear();
  std::string file = png.file(grey_sample);
  // The image's own rows (5 of 7 bytes) are the first of the zeros.
  const std::string pixels = png_chunk("IDAT", kZlibHeader + zero_blocks(50'000));
  const std::size_t from = file.find("IDAT") - 4, to = file.find("IEND") - 4;
  file.replace(from, to - from, pixels);
  EXPECT_EQ(complaint_about(file, "behind the last pixel"), "");
}

TEST(HostileImages, APngOfAnimationFramesIsItsStillImage) {
  PngBuilder png;
  png.before_pixels = png_chunk("acTL", std::string("\x7F\xFF\xFF\xFF\0\0\0\0", 8)) +
                      png_chunk("fcTL", std::string(26, '\0'));
  png.after_pixels = png_chunk("fdAT", std::string(4, '\0') + kZlibHeader + zero_blocks(10'000));
  EXPECT_EQ(complaint_about(png.file(grey_sample), ""), "");
}

TEST(HostileImages, SidesBeyondTheLimitsAreRefusedBeforeMemoryIsTaken) {
  PngBuilder png;
  std::string file = png.file(grey_sample);
  std::string header = file.substr(16, 13);
  header.replace(0, 8, std::string("\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF", 8));
  file.replace(8, 25, png_chunk("IHDR", header));
  EXPECT_EQ(complaint_about(file, "beyond the limit"), "");
  std::string jpeg = JpegBuilder().file(flat_sample);
  const std::size_t frame = jpeg.find("\xFF\xC0");
  jpeg.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");
  EXPECT_EQ(complaint_about(jpeg, "beyond the limit"), "");
}

TEST(HostileImages, ManyScansAreRefused) {
  JpegBuilder jpeg;
  jpeg.scans = JpegBuilder::scan_by_scan(0);
  EXPECT_EQ(complaint_about(jpeg.file(flat_sample), ""), "");  // 64 scans
  jpeg.scans = JpegBuilder::scan_by_scan(2);
  EXPECT_EQ(complaint_about(jpeg.file(flat_sample), "more than 100 scans"), "");
}

// A progressive file of black blocks in which each scan but the first takes 2 bytes for 16,384
// blocks, so that a small file keeps a decoder busy with a large image for every scan.
std::string cheap_scans(int side, int scans) {
  const auto marker = [](char kind, const std::string& body) {
    const std::size_t size = body.size() + 2;
    return std::string{'\xFF', kind, static_cast<char>(size >> 8), static_cast<char>(size)} + body;
  };
  const std::string sides = {static_cast<char>(side >> 8), static_cast<char>(side & 0xFF)};
  // One code of one bit each: difference 0 of the first coefficients, a run of 2^14 blocks.
  const auto table = [](char kind, char value) {
    return std::string{kind, '\1'} + std::string(15, '\0') + value;
  };
  std::string file = "\xFF\xD8" + marker('\xDB', std::string(1, '\0') + std::string(64, '\1')) +
                     marker('\xC2', "\x08" + sides + sides + std::string("\1\1\x11\0", 4)) +
                     marker('\xC4', table('\0', '\0')) + marker('\xC4', table('\x10', '\xE0'));
  const int blocks = (side + 7) / 8 * ((side + 7) / 8);
  file += marker('\xDA', std::string("\1\1\0\0\0\0", 6)) +
          std::string(static_cast<std::size_t>(blocks / 8 + 1), '\0');
  for (int i = 1; i < scans; ++i) {
    const auto coefficient = static_cast<char>(1 + (i - 1) % 63);
    file += marker('\xDA', std::string("\1\1\0", 3) + coefficient + coefficient + '\0');
    std::size_t bits = 0;
    for (int left = blocks; left > 0; left -= 1 << 14) bits += 15;
    file += std::string((bits + 7) / 8, '\0');
  }
  return file + "\xFF\xD9";
}

TEST(HostileImages, ScansThatCostNothingInTheFileCostLittleTime) {
  EXPECT_EQ(complaint_about(cheap_scans(256, 60), ""), "");
  EXPECT_EQ(complaint_about(cheap_scans(7000, 60), ""), "");
}

TEST(HostileImages, WhatNoRadiographIsCodedInIsRefused) {
  std::string jpeg = JpegBuilder().file(flat_sample);
  const std::size_t frame = jpeg.find("\xFF\xC0");
  std::string wide = jpeg, lossless = jpeg;
  wide[frame + 4] = 12;  // bit
  EXPECT_EQ(complaint_about(wide, "precision 12"), "");
  lossless[frame + 1] = '\xC3';
  EXPECT_EQ(complaint_about(lossless, "damaged"), "");
}

}  // namespace
}  // namespace biplane
