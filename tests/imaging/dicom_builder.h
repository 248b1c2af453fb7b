#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace biplane::testing {

// Writes data elements byte by byte, so that tests can also write wrong ones. Little endian.
class DicomBuilder {
 public:
  explicit DicomBuilder(std::string transfer_syntax = "1.2.840.10008.1.2.1",
                        bool explicit_vr = true)
      : explicit_vr_(explicit_vr), syntax_(std::move(transfer_syntax)) {}

  static std::string number(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
  }
  static std::string tag(std::uint32_t tag) {
    return number(tag >> 16, 2) + number(tag & 0xFFFF, 2);
  }

  // An element with any declared length.
  DicomBuilder& header(std::uint32_t tag_number, const std::string& vr, std::uint32_t length) {
    body_ += tag(tag_number);
    const bool is_long = vr[0] == 'O' || vr == "SQ" || vr == "UN" || vr == "UT";
    if (!explicit_vr_ || vr.empty() || vr == "  ") {
      body_ += number(length, 4);
    } else if (is_long) {
      body_ += vr + number(0, 2) + number(length, 4);
    } else {
      body_ += vr + number(length, 2);
    }
    return *this;
  }
  DicomBuilder& raw(const std::string& bytes) {
    body_ += bytes;
    return *this;
  }
  DicomBuilder& text(std::uint32_t tag_number, const std::string& vr, std::string value) {
    if (value.size() % 2 != 0) value += vr == "UI" ? '\0' : ' ';
    return header(tag_number, vr, static_cast<std::uint32_t>(value.size())).raw(value);
  }
  DicomBuilder& us(std::uint32_t tag_number, unsigned value) {
    return header(tag_number, "US", 2).raw(number(value, 2));
  }
  // Items and delimiters have no VR.
  DicomBuilder& item(std::uint32_t length = 0xFFFFFFFF) {
    body_ += tag(0xFFFEE000) + number(length, 4);
    return *this;
  }
  DicomBuilder& end_item() {
    body_ += tag(0xFFFEE00D) + number(0, 4);
    return *this;
  }
  DicomBuilder& end_sequence() {
    body_ += tag(0xFFFEE0DD) + number(0, 4);
    return *this;
  }

  struct Image {
    unsigned rows = 2, cols = 3, bits = 12;
    bool is_signed = false;
    std::string photometric = "MONOCHROME2";
  };
  // The image module of a 16-bit CR image up to the pixels.
  DicomBuilder& image(const Image& image) {
    us(0x00280002, 1).text(0x00280004, "CS", image.photometric);
    us(0x00280010, image.rows).us(0x00280011, image.cols);
    us(0x00280100, 16).us(0x00280101, image.bits).us(0x00280102, image.bits - 1);
    return us(0x00280103, image.is_signed ? 1 : 0);
  }
  // The image module of an 8-bit grey image and its compressed pixels, in one fragment.
  DicomBuilder& compressed(unsigned rows, unsigned cols, std::string stream) {
    if (stream.size() % 2 != 0) stream += '\0';
    us(0x00280002, 1).text(0x00280004, "CS", "MONOCHROME2").us(0x00280010, rows);
    us(0x00280011, cols).us(0x00280100, 8).us(0x00280101, 8).us(0x00280102, 7).us(0x00280103, 0);
    header(0x7FE00010, "OB", 0xFFFFFFFF).item(0);
    return item(static_cast<std::uint32_t>(stream.size())).raw(stream).end_sequence();
  }
  // An RLE stream of literal runs: one segment, at most 128 bytes.
  static std::string rle_stream(const std::string& values) {
    return number(1, 4) + number(64, 4) + std::string(56, '\0') +
           static_cast<char>(values.size() - 1) + values;
  }
  DicomBuilder& pixels(const std::vector<int>& values) {
    header(0x7FE00010, "OW", static_cast<std::uint32_t>(2 * values.size()));
    for (const int value : values) body_ += number(static_cast<std::uint16_t>(value), 2);
    return *this;
  }

  const std::string& body() const { return body_; }
  // With preamble and file meta information; `data_set` replaces what was built (for example
  // deflated).
  std::string file() const { return file(body_); }
  std::string file(const std::string& data_set) const {
    std::string uid = syntax_;
    if (uid.size() % 2 != 0) uid += '\0';
    return std::string(128, '\0') + "DICM" + tag(0x00020010) + "UI" + number(uid.size(), 2) + uid +
           data_set;
  }

 private:
  bool explicit_vr_;
  std::string syntax_;
  std::string body_;
};

}  // namespace biplane::testing
