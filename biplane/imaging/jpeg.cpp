#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/imaging/codecs.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/jpeg_means.h"
#include "biplane/imaging/orientation.h"
// jpeglib.h needs size_t and FILE from the headers above.
#include <jerror.h>
#include <jpeglib.h>

namespace biplane {
namespace {

// libjpeg reports an error by a callback that must not return. It leaves by longjmp, and only ever
// over frames of C code and of run_guarded, which hold nothing with a destructor.
struct JpegErrors {
  jpeg_error_mgr manager{};  // first: libjpeg gives back a pointer to it
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = {};
};

// Each scan is a pass over the whole image, whatever it takes in the file; encoders make about ten.
constexpr int kMaxScans = 100;

[[noreturn]] void fail(j_common_ptr codec) {
  auto* errors = reinterpret_cast<JpegErrors*>(codec->err);
  codec->err->format_message(codec, errors->message);
  std::longjmp(errors->jump, 1);
}

void on_message(j_common_ptr codec, int level) {
  if (level >= 0) return;  // a trace
  const int code = codec->err->msg_code;
  if (code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR)
    return;  // unusual, but nothing is damaged
  fail(codec);
}

void on_progress(j_common_ptr codec) {
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(codec);
  if (decoder->input_scan_number <= kMaxScans) return;
  auto* errors = reinterpret_cast<JpegErrors*>(codec->err);
  std::snprintf(errors->message, sizeof errors->message, "more than %d scans", kMaxScans);
  std::longjmp(errors->jump, 1);
}

void install(JpegErrors& errors) {
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = &fail;
  errors.manager.emit_message = &on_message;
}

// Runs calls into libjpeg; false after an error. `step` must not create objects with destructors.
template <class Step>
bool run_guarded(JpegErrors& errors, Step step) {
  if (setjmp(errors.jump) != 0) return false;
  step();
  return true;
}

struct DecoderHandle {
  jpeg_decompress_struct codec{};
  DecoderHandle() = default;
  DecoderHandle(const DecoderHandle&) = delete;
  DecoderHandle& operator=(const DecoderHandle&) = delete;
  ~DecoderHandle() { jpeg_destroy_decompress(&codec); }
};

class JpegDecoder {
 public:
  explicit JpegDecoder(const EncodedImage& source) : source_(source) {
    install(errors_);
    progress_.progress_monitor = &on_progress;
    decoder_.err = &errors_.manager;
    run([this] {
      jpeg_create_decompress(&decoder_);
      decoder_.progress = &progress_;
      jpeg_save_markers(&decoder_, JPEG_APP0 + 1, 0xFFFF);
      jpeg_mem_src(&decoder_, reinterpret_cast<const unsigned char*>(source_.bytes.data()),
                   static_cast<unsigned long>(source_.bytes.size()));
      jpeg_read_header(&decoder_, TRUE);
    });
    check_image_size(source_, decoder_.image_height, decoder_.image_width);
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  CodecHeader header() const {
    return {static_cast<int>(decoder_.image_height), static_cast<int>(decoder_.image_width),
            decoder_.num_components, decoder_.data_precision, orientation()};
  }

  DecodedImage grey(int target_longest, int target_shortest) {
    if (decoder_.num_components != 1 && decoder_.num_components != 3)
      refuse_image(source_,
                   fmt::format("a JPEG of {} components (CMYK?): convert it to grey or RGB",
                               decoder_.num_components));
    const int turned = orientation();  // libjpeg forgets the markers when it finishes
    const int by = reduction(target_longest, target_shortest);
    DecodedImage decoded = upright(turned, by);
    GreyImage& image = decoded.image;
    std::optional<GreyImage> means = by == DCTSIZE ? block_means() : std::nullopt;
    image = means ? std::move(*means) : scaled(by);
    apply_orientation(turned, image.rows, image.cols, image.pixels);
    return decoded;
  }

 private:
  GreyImage scaled(int by) {
    decoder_.out_color_space = JCS_GRAYSCALE;
    decoder_.scale_num = 1;
    decoder_.scale_denom = static_cast<unsigned>(by);
    run([this] { jpeg_start_decompress(&decoder_); });
    GreyImage image = make_grey(static_cast<int>(decoder_.output_height),
                                static_cast<int>(decoder_.output_width));
    run([this, &image] {
      while (decoder_.output_scanline < decoder_.output_height) {
        JSAMPROW row = image.pixels.data() +
                       std::size_t{decoder_.output_scanline} * std::size_t{decoder_.output_width};
        jpeg_read_scanlines(&decoder_, &row, 1);
      }
      jpeg_finish_decompress(&decoder_);
    });
    return image;
  }

  // The image reduced by 8 where its blocks can be stepped over.
  std::optional<GreyImage> block_means() const {
    if (!is_plain_scan()) return std::nullopt;
    JpegScan scan;
    scan.data = source_.bytes.last(decoder_.src->bytes_in_buffer);
    scan.restart_interval = static_cast<int>(decoder_.restart_interval);
    const bool alone = decoder_.num_components == 1;
    for (int i = 0; i < decoder_.num_components; ++i) {
      const jpeg_component_info& component = decoder_.comp_info[i];
      const JQUANT_TBL* steps = table(decoder_.quant_tbl_ptrs, component.quant_tbl_no);
      const JHUFF_TBL* dc = table(decoder_.dc_huff_tbl_ptrs, component.dc_tbl_no);
      const JHUFF_TBL* ac = table(decoder_.ac_huff_tbl_ptrs, component.ac_tbl_no);
      if (steps == nullptr || dc == nullptr || ac == nullptr) return std::nullopt;
      if (i == 0) scan.dc_step = steps->quantval[0];
      scan.components.push_back({alone ? 1 : component.h_samp_factor,
                                 alone ? 1 : component.v_samp_factor, codes_of(*dc),
                                 codes_of(*ac)});
    }
    if (scan.dc_step > 0x7FFF) return std::nullopt;
    const int rows = blocks(decoder_.image_height, 1), cols = blocks(decoder_.image_width, 1);
    scan.mcu_rows = blocks(decoder_.image_height, scan.components[0].down);
    scan.mcu_cols = blocks(decoder_.image_width, scan.components[0].across);
    return jpeg_block_means(scan, rows, cols);
  }

  // Whether the first scan is the whole image in sequence, with the luma as it is shown.
  bool is_plain_scan() const {
    int blocks = 0;
    for (int i = 0; i < decoder_.comps_in_scan; ++i) {
      const jpeg_component_info& component = *decoder_.cur_comp_info[i];
      if (&component != &decoder_.comp_info[i]) return false;
      blocks += component.h_samp_factor * component.v_samp_factor;
    }
    const jpeg_component_info& luma = decoder_.comp_info[0];
    const bool whole = decoder_.comps_in_scan == decoder_.num_components &&
                       (blocks <= D_MAX_BLOCKS_IN_MCU || decoder_.num_components == 1) &&
                       luma.h_samp_factor == decoder_.max_h_samp_factor &&
                       luma.v_samp_factor == decoder_.max_v_samp_factor;
    const bool sequential = decoder_.progressive_mode == FALSE && decoder_.arith_code == FALSE &&
                            decoder_.Ss == 0 && decoder_.Se == DCTSIZE2 - 1 && decoder_.Ah == 0 &&
                            decoder_.Al == 0 && decoder_.data_precision == 8;
    return whole && sequential &&
           (decoder_.jpeg_color_space == JCS_GRAYSCALE || decoder_.jpeg_color_space == JCS_YCbCr);
  }

  static int blocks(JDIMENSION side, int together) {
    const int size = DCTSIZE * together;
    return (static_cast<int>(side) + size - 1) / size;
  }
  template <class Table>
  static const Table* table(Table* const (&tables)[4], int number) {
    return number >= 0 && number < 4 ? tables[number] : nullptr;
  }
  static JpegCodes codes_of(const JHUFF_TBL& table) {
    return {std::span(table.bits).subspan(1), table.huffval};
  }

  template <class Step>
  void run(Step step) {
    if (run_guarded(errors_, step)) return;
    refuse_image(source_, fmt::format("damaged or truncated JPEG ({})", errors_.message));
  }

  int orientation() const {
    static constexpr char kPrefix[] = {'E', 'x', 'i', 'f', '\0', '\0'};
    for (const jpeg_marker_struct* m = decoder_.marker_list; m != nullptr; m = m->next) {
      if (m->marker != JPEG_APP0 + 1 || m->data_length < sizeof kPrefix) continue;
      if (std::memcmp(m->data, kPrefix, sizeof kPrefix) != 0) continue;
      const auto block = std::as_bytes(std::span(m->data, m->data_length));
      return exif_orientation(block.subspan(sizeof kPrefix));
    }
    return 1;
  }

  // The sizes of the full image and where the reduced one lies on it, after turning.
  DecodedImage upright(int orientation, int by) const {
    const int rows = static_cast<int>(decoder_.image_height);
    const int cols = static_cast<int>(decoder_.image_width);
    DecodedImage decoded;
    decoded.original_rows = rows;
    decoded.original_cols = cols;
    decoded.reduction.by = by;
    const auto missing = [by](int side) { return (by - side % by) % by; };
    if (flips_rows(orientation)) decoded.reduction.lead_rows = missing(rows);
    if (flips_cols(orientation)) decoded.reduction.lead_cols = missing(cols);
    if (swaps_sides(orientation)) {
      std::swap(decoded.original_rows, decoded.original_cols);
      std::swap(decoded.reduction.lead_rows, decoded.reduction.lead_cols);
    }
    return decoded;
  }

  int reduction(int target_longest, int target_shortest) const {
    if (target_longest <= 0 && target_shortest <= 0) return 1;
    const int longest = static_cast<int>(std::max(decoder_.image_width, decoder_.image_height));
    const int shortest = static_cast<int>(std::min(decoder_.image_width, decoder_.image_height));
    int best = 1;
    for (const int by : {2, 4, 8})
      if (longest / by >= std::max(target_longest, 1) &&
          shortest / by >= std::max(target_shortest, 1))
        best = by;
    return best;
  }

  const EncodedImage& source_;
  JpegErrors errors_;
  jpeg_progress_mgr progress_{};
  DecoderHandle handle_;
  jpeg_decompress_struct& decoder_ = handle_.codec;
};

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0xD8} &&
         bytes[2] == std::byte{0xFF};
}

CodecHeader jpeg_header(const EncodedImage& source) { return JpegDecoder(source).header(); }

DecodedImage decode_jpeg(const EncodedImage& source, int target_longest, int target_shortest) {
  return JpegDecoder(source).grey(target_longest, target_shortest);
}

std::string encode_jpeg(const GreyImage& image, int quality) {
  if (image.rows < 1 || image.cols < 1 || image.rows > JPEG_MAX_DIMENSION ||
      image.cols > JPEG_MAX_DIMENSION || quality < 1 || quality > 100)
    throw Error(ErrorKind::kUsage,
                fmt::format("cannot write a JPEG of {} x {} pixels at quality {}", image.rows,
                            image.cols, quality));
  JpegErrors errors;
  install(errors);
  jpeg_compress_struct encoder{};
  encoder.err = &errors.manager;
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  const bool done = run_guarded(errors, [&] {
    jpeg_create_compress(&encoder);
    jpeg_mem_dest(&encoder, &buffer, &size);
    encoder.image_width = static_cast<JDIMENSION>(image.cols);
    encoder.image_height = static_cast<JDIMENSION>(image.rows);
    encoder.input_components = 1;
    encoder.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&encoder);
    jpeg_set_quality(&encoder, quality, TRUE);
    jpeg_start_compress(&encoder, TRUE);
    while (encoder.next_scanline < encoder.image_height) {
      auto* row = const_cast<JSAMPROW>(image.pixels.data()) +
                  std::size_t{encoder.next_scanline} * std::size_t{encoder.image_width};
      jpeg_write_scanlines(&encoder, &row, 1);
    }
    jpeg_finish_compress(&encoder);
  });
  jpeg_destroy_compress(&encoder);
  // After an error libjpeg may have freed the buffer already without saying so.
  if (!done)
    throw Error(ErrorKind::kFailure, fmt::format("JPEG encoding failed: {}", errors.message));
  std::string encoded(reinterpret_cast<const char*>(buffer), size);
  std::free(buffer);
  return encoded;
}

}  // namespace biplane
