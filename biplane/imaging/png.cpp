#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/imaging/codecs.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/orientation.h"

namespace biplane {
namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr png_alloc_size_t kMaxChunkBytes = 8U << 20;  // memory for one ancillary chunk
constexpr std::size_t kMaxTailBytes = 64U << 10;       // compressed, beside the last row

struct PngErrors {
  std::string message;
};

void on_error(png_structp png, png_const_charp message) {
  static_cast<PngErrors*>(png_get_error_ptr(png))->message = message;
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

// Runs calls into libpng; false after an error. libpng leaves by longjmp, so `step` must not create
// objects with destructors.
template <class Step>
bool run_guarded(png_structp png, Step step) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  step();
  return true;
}

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

class PngDecoder {
 public:
  explicit PngDecoder(const EncodedImage& source) : source_(source) {
    check_sides();
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &errors_, &on_error, &on_warning);
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ == nullptr) refuse("no memory for the decoder");
    run([this] {
      png_set_read_fn(png_, this, &read);
      png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_sides has applied ours
      png_set_chunk_malloc_max(png_, kMaxChunkBytes);
      // Texts and colour profiles are compressed, are not needed and may be bombs: skipped unread.
      static constexpr png_byte kSkipped[] = "iCCP\0iTXt\0sPLT\0tEXt\0zTXt";
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kSkipped, 5);
      png_read_info(png_, info_);
    });
  }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() { destroy(); }

  CodecHeader header() {
    CodecHeader header;
    header.rows = static_cast<int>(png_get_image_height(png_, info_));
    header.cols = static_cast<int>(png_get_image_width(png_, info_));
    header.bit_depth = png_get_bit_depth(png_, info_);
    const bool palette = png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE;
    header.channels = palette ? 1 : png_get_channels(png_, info_);
    png_uint_32 size = 0;
    png_bytep block = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &block) != 0 && block != nullptr)
      header.orientation = exif_orientation(std::as_bytes(std::span(block, size)));
    return header;
  }

  // Decodes to one grey value a pixel. Pixel: uint8_t or uint16_t.
  template <class Pixel>
  void grey(int& rows, int& cols, std::vector<Pixel>& pixels) {
    const CodecHeader stored = header();
    rows = stored.rows;
    cols = stored.cols;
    int passes = 1;
    run([&] { passes = set_transforms(); });
    const std::size_t row_bytes = png_get_rowbytes(png_, info_);
    pixels.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
    // An interlaced image is complete only after its last pass, so all its rows are kept until
    // then.
    std::vector<png_byte> buffer(passes > 1 ? row_bytes * static_cast<std::size_t>(rows)
                                            : row_bytes);
    for (int pass = 0; pass < passes; ++pass) {
      for (int y = 0; y < rows; ++y) {
        const auto row = static_cast<std::size_t>(y);
        png_bytep data = buffer.data() + (passes > 1 ? row * row_bytes : 0);
        if (pass + 1 == passes && y + 1 == rows) check_tail();
        run([this, data] { png_read_row(png_, data, nullptr); });
        if (pass + 1 == passes)
          convert_row(data, pixels.data() + row * static_cast<std::size_t>(cols),
                      static_cast<std::size_t>(cols));
      }
    }
    run([this] { png_read_end(png_, nullptr); });
    apply_orientation(stored.orientation, rows, cols, pixels);
  }

 private:
  static void read(png_structp png, png_bytep to, std::size_t count) {
    auto* self = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > self->source_.bytes.size() - self->position_)
      png_error(png, "the file ends too early");
    std::memcpy(to, self->source_.bytes.data() + self->position_, count);
    self->position_ += count;
  }

  // Size limits on the first chunk, before libpng sees anything.
  void check_sides() {
    const auto bytes = source_.bytes;
    if (bytes.size() < 33 || std::memcmp(bytes.data() + 12, "IHDR", 4) != 0) refuse("no header");
    check_image_size(source_, big_endian(bytes, 20), big_endian(bytes, 16));
  }

  // With the last row libpng inflates what is left of the compressed data, however much that
  // becomes.
  void check_tail() {
    const auto bytes = source_.bytes;
    std::size_t left = 0;
    for (std::size_t at = kSignatureBytes; bytes.size() - at >= 12;) {
      const std::size_t length = big_endian(bytes, at);
      if (length > bytes.size() - at - 12) break;  // libpng will say so
      const std::size_t next = at + 12 + length;
      if (next > position_ && std::memcmp(bytes.data() + at + 4, "IDAT", 4) == 0)
        left += next - std::max(at, position_);
      at = next;
    }
    if (left > kMaxTailBytes + 8 * std::size_t{png_get_image_width(png_, info_)})
      refuse("compressed data go on behind the last pixel");
  }

  // Grey or RGB of 8 or 16 bit, values as stored: no gamma, no transparency. Returns the number of
  // passes.
  int set_transforms() {
    const int type = png_get_color_type(png_, info_);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png_, info_) < 8)
      png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_alpha(png_);
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    channels_ = png_get_channels(png_, info_);
    wide_ = png_get_bit_depth(png_, info_) == 16;
    return passes;
  }

  template <class Pixel>
  void convert_row(const png_byte* from, Pixel* to, std::size_t cols) const {
    const auto sample = [&](std::size_t i) -> std::uint32_t {
      if (wide_) return static_cast<std::uint32_t>(from[2 * i] << 8 | from[2 * i + 1]);
      return from[i];
    };
    for (std::size_t x = 0; x < cols; ++x) {
      std::uint32_t value =
          channels_ == 1
              ? sample(x)
              : (299 * sample(3 * x) + 587 * sample(3 * x + 1) + 114 * sample(3 * x + 2) + 500) /
                    1000;
      if constexpr (std::is_same_v<Pixel, std::uint16_t>)
        if (!wide_) value *= 257;
      to[x] = static_cast<Pixel>(value);
    }
  }

  template <class Step>
  void run(Step step) {
    if (run_guarded(png_, step)) return;
    destroy();  // the constructor may be running, whose object gets no destructor call
    refuse(errors_.message);
  }

  [[noreturn]] void refuse(const std::string& why) {
    refuse_image(source_, fmt::format("damaged or truncated PNG ({})", why));
  }

  void destroy() {
    if (png_ != nullptr) png_destroy_read_struct(&png_, &info_, nullptr);
  }

  const EncodedImage& source_;
  std::size_t position_ = 0;
  PngErrors errors_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int channels_ = 1;
  bool wide_ = false;
};

// Detectors of 10 to 14 bits are often stored in 16 as they are (PadChest's images without a
// window): taken for 16 they would be black. Where the highest value leaves two bits or more
// unused, all values are spread over the 16, so that the highest possible one of the bits in use is
// white. A single unused bit may as well be a dark image.
void spread_bits(std::vector<std::uint16_t>& pixels) {
  constexpr std::uint32_t kWhite = 0xFFFF, kMostUnscaled = 0x3FFF;
  const std::uint16_t highest = *std::max_element(pixels.begin(), pixels.end());
  if (highest > kMostUnscaled) return;
  const std::uint32_t most = (1U << std::bit_width(std::max<std::uint32_t>(highest, 0xFF))) - 1;
  for (std::uint16_t& value : pixels)
    value = static_cast<std::uint16_t>((value * kWhite + most / 2) / most);
}

// One image to encode: rows of `row_bytes` bytes in PNG's byte order come from `row`.
struct PngLayout {
  int rows = 0, cols = 0;
  int bit_depth = 8;
  int color_type = PNG_COLOR_TYPE_GRAY;
  std::size_t row_bytes = 0;
  const std::uint8_t* first = nullptr;
};

void append(png_structp png, png_bytep data, std::size_t size) {
  auto* out = static_cast<std::vector<png_byte>*>(png_get_io_ptr(png));
  bool full = false;
  try {
    out->insert(out->end(), data, data + size);
  } catch (const std::bad_alloc&) {
    full = true;  // no exception may pass through C code
  }
  if (full) png_error(png, "out of memory");
}

std::string encode(const PngLayout& layout, const PngOptions& options) {
  if (layout.rows < 1 || layout.cols < 1 || options.compression < 0 || options.compression > 9)
    throw Error(ErrorKind::kUsage,
                fmt::format("cannot write a PNG of {} x {} pixels, compression {}", layout.rows,
                            layout.cols, options.compression));
  PngErrors errors;
  std::vector<png_byte> out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &errors, &on_error, &on_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  const bool done =
      info != nullptr && run_guarded(png, [&] {
        png_set_write_fn(png, &out, &append, nullptr);
        png_set_compression_level(png, options.compression);
        png_set_IHDR(png, info, static_cast<png_uint_32>(layout.cols),
                     static_cast<png_uint_32>(layout.rows), layout.bit_depth, layout.color_type,
                     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        for (int y = 0; y < layout.rows; ++y)
          png_write_row(png, layout.first + static_cast<std::size_t>(y) * layout.row_bytes);
        png_write_end(png, nullptr);
      });
  png_destroy_write_struct(&png, &info);
  if (!done) throw Error(ErrorKind::kFailure, "PNG encoding failed: " + errors.message);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

}  // namespace

bool is_png(std::span<const std::byte> bytes) {
  static constexpr unsigned char kSignature[kSignatureBytes] = {0x89, 'P',  'N',  'G',
                                                                '\r', '\n', 0x1A, '\n'};
  return bytes.size() >= kSignatureBytes &&
         std::memcmp(bytes.data(), kSignature, kSignatureBytes) == 0;
}

CodecHeader png_header(const EncodedImage& source) { return PngDecoder(source).header(); }

GreyImage decode_png_grey(const EncodedImage& source) {
  GreyImage image;
  PngDecoder decoder(source);
  if (decoder.header().bit_depth < 16) {
    decoder.grey(image.rows, image.cols, image.pixels);
    return image;
  }
  const Grey16Image wide = decode_png_grey16(source);
  image = make_grey(wide.rows, wide.cols);
  std::transform(wide.pixels.begin(), wide.pixels.end(), image.pixels.begin(),
                 [](std::uint16_t value) { return static_cast<std::uint8_t>(value >> 8); });
  return image;
}

Grey16Image decode_png_grey16(const EncodedImage& source) {
  Grey16Image image;
  PngDecoder decoder(source);
  const bool wide = decoder.header().bit_depth == 16;
  decoder.grey(image.rows, image.cols, image.pixels);
  if (wide) spread_bits(image.pixels);
  return image;
}

std::string encode_png(const GreyImage& image, const PngOptions& options) {
  return encode({image.rows, image.cols, 8, PNG_COLOR_TYPE_GRAY,
                 static_cast<std::size_t>(image.cols), image.pixels.data()},
                options);
}

std::string encode_png(const Grey16Image& image, const PngOptions& options) {
  std::vector<std::uint8_t> big(2 * image.pixels.size());
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    big[2 * i] = static_cast<std::uint8_t>(image.pixels[i] >> 8);
    big[2 * i + 1] = static_cast<std::uint8_t>(image.pixels[i] & 0xFF);
  }
  return encode({image.rows, image.cols, 16, PNG_COLOR_TYPE_GRAY,
                 2 * static_cast<std::size_t>(image.cols), big.data()},
                options);
}

std::string encode_png(const RgbImage& image, const PngOptions& options) {
  return encode({image.rows, image.cols, 8, PNG_COLOR_TYPE_RGB,
                 3 * static_cast<std::size_t>(image.cols), image.pixels.data()},
                options);
}

}  // namespace biplane
