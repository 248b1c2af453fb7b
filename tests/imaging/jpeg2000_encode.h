#pragma once

#include <openjpeg.h>

#include <cstring>
#include <string>
#include <vector>

namespace biplane::testing {

struct Jpeg2000Sample {
  unsigned rows = 2, cols = 3, precision = 12, components = 1;
  bool is_signed = false;
  std::vector<int> values;  // of every component
};

// A lossless codestream, by OpenJPEG; empty where that fails.
inline std::string encode_jpeg2000(const Jpeg2000Sample& sample) {
  struct Sink {
    std::string bytes;
    std::size_t at = 0;
  } sink;
  std::vector<opj_image_cmptparm_t> shapes(sample.components);
  for (opj_image_cmptparm_t& shape : shapes) {
    std::memset(&shape, 0, sizeof(shape));
    shape.dx = shape.dy = 1;
    shape.w = sample.cols;
    shape.h = sample.rows;
    shape.prec = sample.precision;
    shape.sgnd = sample.is_signed ? 1 : 0;
  }
  opj_image_t* image = opj_image_create(sample.components, shapes.data(), OPJ_CLRSPC_GRAY);
  image->x1 = sample.cols;
  image->y1 = sample.rows;
  for (unsigned c = 0; c < sample.components; ++c)
    for (std::size_t i = 0; i < sample.values.size(); ++i)
      image->comps[c].data[i] = sample.values[i];
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.numresolution = 2;
  parameters.tcp_numlayers = 1;
  parameters.cp_disto_alloc = 1;
  opj_codec_t* codec = opj_create_compress(OPJ_CODEC_J2K);
  opj_stream_t* stream = opj_stream_default_create(OPJ_FALSE);
  opj_stream_set_user_data(stream, &sink, nullptr);
  opj_stream_set_write_function(stream, [](void* data, OPJ_SIZE_T size, void* user) -> OPJ_SIZE_T {
    Sink& to = *static_cast<Sink*>(user);
    if (to.bytes.size() < to.at + size) to.bytes.resize(to.at + size);
    std::memcpy(to.bytes.data() + to.at, data, size);
    to.at += size;
    return size;
  });
  opj_stream_set_seek_function(stream, [](OPJ_OFF_T place, void* user) -> OPJ_BOOL {
    static_cast<Sink*>(user)->at = static_cast<std::size_t>(place);
    return OPJ_TRUE;
  });
  opj_stream_set_skip_function(stream, [](OPJ_OFF_T size, void* user) -> OPJ_OFF_T {
    static_cast<Sink*>(user)->at += static_cast<std::size_t>(size);
    return size;
  });
  const bool done = opj_setup_encoder(codec, &parameters, image) == OPJ_TRUE &&
                    opj_start_compress(codec, image, stream) == OPJ_TRUE &&
                    opj_encode(codec, stream) == OPJ_TRUE &&
                    opj_end_compress(codec, stream) == OPJ_TRUE;
  opj_stream_destroy(stream);
  opj_destroy_codec(codec);
  opj_image_destroy(image);
  return done ? sink.bytes : std::string();
}

}  // namespace biplane::testing
