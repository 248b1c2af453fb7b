#include "biplane/imaging/jpeg2000.h"

#include <fmt/format.h>
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "biplane/imaging/jpeg2000_stream.h"

namespace biplane {
namespace {

// The bytes that OpenJPEG reads through the functions below.
struct Source {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

constexpr auto kNoMore = static_cast<OPJ_SIZE_T>(-1);

OPJ_SIZE_T read_bytes(void* buffer, OPJ_SIZE_T size, void* user) {
  Source& source = *static_cast<Source*>(user);
  const std::size_t taken = std::min(size, source.bytes.size() - source.at);
  if (taken == 0) return kNoMore;
  std::memcpy(buffer, source.bytes.data() + source.at, taken);
  source.at += taken;
  return taken;
}

OPJ_BOOL seek_to(OPJ_OFF_T place, void* user) {
  Source& source = *static_cast<Source*>(user);
  if (place < 0 || static_cast<std::size_t>(place) > source.bytes.size()) return OPJ_FALSE;
  source.at = static_cast<std::size_t>(place);
  return OPJ_TRUE;
}

OPJ_OFF_T skip_bytes(OPJ_OFF_T size, void* user) {
  const Source& source = *static_cast<const Source*>(user);
  return seek_to(static_cast<OPJ_OFF_T>(source.at) + size, user) == OPJ_TRUE ? size : -1;
}

void keep_message(const char* message, void* user) {
  std::string& kept = *static_cast<std::string*>(user);
  if (!kept.empty()) return;  // the first one is the cause
  kept = message;
  while (!kept.empty() && (kept.back() == '\n' || kept.back() == '.')) kept.pop_back();
}

using Codec = std::unique_ptr<opj_codec_t, decltype(&opj_destroy_codec)>;
using Stream = std::unique_ptr<opj_stream_t, decltype(&opj_stream_destroy)>;
using Image = std::unique_ptr<opj_image_t, decltype(&opj_image_destroy)>;

Stream open_stream(Source& source) {
  constexpr std::size_t kMostBuffered = 1 << 20;
  Stream stream(opj_stream_create(std::min(kMostBuffered, source.bytes.size()), OPJ_TRUE),
                &opj_stream_destroy);
  opj_stream_set_read_function(stream.get(), &read_bytes);
  opj_stream_set_skip_function(stream.get(), &skip_bytes);
  opj_stream_set_seek_function(stream.get(), &seek_to);
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), source.bytes.size());
  return stream;
}

}  // namespace

Jpeg2000Image decode_jpeg2000(std::span<const std::byte> stream, const std::string& name) {
  check_jpeg2000_stream(stream, name);
  Jpeg2000Image result;
  result.size = jpeg2000_size(stream, name);
  Source source{codestream_of(stream)};
  std::string message;
  const Stream input = open_stream(source);
  const Codec codec(opj_create_decompress(OPJ_CODEC_J2K), &opj_destroy_codec);
  opj_set_error_handler(codec.get(), &keep_message, &message);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* made = nullptr;
  bool decoded = opj_setup_decoder(codec.get(), &parameters) == OPJ_TRUE &&
                 opj_read_header(input.get(), codec.get(), &made) == OPJ_TRUE;
  const Image image(made, &opj_image_destroy);
  decoded = decoded && opj_decode(codec.get(), input.get(), image.get()) == OPJ_TRUE &&
            opj_end_decompress(codec.get(), input.get()) == OPJ_TRUE;
  if (!decoded) refuse_jpeg2000(name, fmt::format("it cannot be decoded ({})", message));
  const auto count = static_cast<std::size_t>(result.size.rows * result.size.cols);
  if (image->numcomps != 1 || image->comps[0].data == nullptr ||
      std::size_t{image->comps[0].w} * image->comps[0].h != count)
    refuse_jpeg2000(name, "it has another size than it says");
  result.values.assign(image->comps[0].data, image->comps[0].data + count);
  return result;
}

}  // namespace biplane
