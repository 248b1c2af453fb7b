#pragma once

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "biplane/imaging/image.h"
// jpeglib.h needs size_t and FILE from the headers above.
#include <jerror.h>
#include <jpeglib.h>

namespace biplane::testing {

// Writes JPEG files of the kinds that encode_jpeg() never makes.
struct JpegBuilder {
  int rows = 16, cols = 16;
  int components = 1;  // 1 grey, 3 YCbCr, 4 CMYK
  int quality = 90;
  int sampling = 1;  // of the first component, both ways; 2: colour at half size
  int restart_rows = 0;
  bool progressive = false;
  bool arithmetic = false;
  std::vector<jpeg_scan_info> scans;  // instead of the usual ones

  void set_up(jpeg_compress_struct& encoder) const {
    encoder.image_width = static_cast<JDIMENSION>(cols);
    encoder.image_height = static_cast<JDIMENSION>(rows);
    encoder.input_components = components;
    encoder.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&encoder);
    jpeg_set_quality(&encoder, quality, TRUE);
    encoder.comp_info[0].h_samp_factor = encoder.comp_info[0].v_samp_factor = sampling;
    encoder.restart_in_rows = restart_rows;
    encoder.arith_code = arithmetic ? TRUE : FALSE;
    if (progressive) jpeg_simple_progression(&encoder);
    if (scans.empty()) return;
    encoder.scan_info = scans.data();
    encoder.num_scans = static_cast<int>(scans.size());
  }

  // `sample`(row, column, channel) gives 0 .. 255.
  std::string file(const std::function<int(int, int, int)>& sample) const {
    jpeg_error_mgr errors{};  // ends the program at an error: the settings are a test's own
    jpeg_compress_struct encoder{};
    encoder.err = jpeg_std_error(&errors);
    jpeg_create_compress(&encoder);
    unsigned char* buffer = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&encoder, &buffer, &size);
    set_up(encoder);
    jpeg_start_compress(&encoder, TRUE);
    std::vector<JSAMPLE> row(static_cast<std::size_t>(cols) * static_cast<std::size_t>(components));
    for (int y = 0; y < rows; ++y) {
      std::size_t next = 0;
      for (int x = 0; x < cols; ++x)
        for (int c = 0; c < components; ++c) row[next++] = static_cast<JSAMPLE>(sample(y, x, c));
      JSAMPROW pointer = row.data();
      jpeg_write_scanlines(&encoder, &pointer, 1);
    }
    jpeg_finish_compress(&encoder);
    jpeg_destroy_compress(&encoder);
    std::string bytes(reinterpret_cast<const char*>(buffer), size);
    std::free(buffer);
    return bytes;
  }

  // The same file with an EXIF block that says how it is turned.
  static std::string turned(const std::string& jpeg, int orientation) {
    static constexpr char kEntry[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0";
    const std::string block =
        std::string(kEntry, sizeof kEntry) + static_cast<char>(orientation) + std::string(3, '\0');
    const std::string marker = {'\xFF', '\xE1', '\0', static_cast<char>(block.size() + 2)};
    return jpeg.substr(0, 2) + marker + block + jpeg.substr(2);
  }

  // The most scans that a grey progressive file can have without contradicting itself: each
  // coefficient by itself, bit by bit.
  static std::vector<jpeg_scan_info> scan_by_scan(int bits) {
    std::vector<jpeg_scan_info> scans;
    for (int coefficient = 0; coefficient < 64; ++coefficient)
      for (int low = bits; low >= 0; --low)
        scans.push_back(
            {1, {0, 0, 0, 0}, coefficient, coefficient, low == bits ? 0 : low + 1, low});
    return scans;
  }
};

struct JumpingErrors {
  jpeg_error_mgr manager{};  // first: libjpeg gives back a pointer to it
  std::jmp_buf jump{};
};

// The image reduced by 8 as libjpeg alone makes it; nothing where it complains of damage.
inline std::optional<GreyImage> eighth_by_libjpeg(const std::string& jpeg) {
  JumpingErrors errors;
  jpeg_decompress_struct decoder{};
  decoder.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = [](j_common_ptr codec) {
    std::longjmp(reinterpret_cast<JumpingErrors*>(codec->err)->jump, 1);
  };
  errors.manager.emit_message = [](j_common_ptr codec, int level) {
    const int code = codec->err->msg_code;
    if (level < 0 && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
      codec->err->error_exit(codec);
  };
  GreyImage image;
  if (setjmp(errors.jump) != 0) {
    jpeg_destroy_decompress(&decoder);
    return std::nullopt;
  }
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, reinterpret_cast<const unsigned char*>(jpeg.data()),
               static_cast<unsigned long>(jpeg.size()));
  jpeg_read_header(&decoder, TRUE);
  decoder.out_color_space = JCS_GRAYSCALE;
  decoder.scale_num = 1;
  decoder.scale_denom = 8;
  jpeg_start_decompress(&decoder);
  image =
      make_grey(static_cast<int>(decoder.output_height), static_cast<int>(decoder.output_width));
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = image.pixels.data() +
                   std::size_t{decoder.output_scanline} * std::size_t{decoder.output_width};
    jpeg_read_scanlines(&decoder, &row, 1);
  }
  jpeg_finish_decompress(&decoder);
  jpeg_destroy_decompress(&decoder);
  return image;
}

}  // namespace biplane::testing
