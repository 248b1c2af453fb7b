#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "apps/biplane/info.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/imaging/decode.h"

namespace biplane::cli {
namespace {

using nlohmann::ordered_json;
using Bytes = std::span<const std::byte>;

// MD5 is what the reference values of image tests are given in; it protects nothing here.
std::string md5_hex(const void* data, std::size_t size) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(data, size, digest, &length, EVP_md5(), nullptr) != 1) return {};
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

template <class Value>
double mean_of(const std::vector<Value>& values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double deviation_of(const std::vector<float>& values, double mean) {
  double sum = 0;
  for (const float value : values) sum += (value - mean) * (value - mean);
  return values.empty() ? 0 : std::sqrt(sum / static_cast<double>(values.size()));
}

ordered_json optional_number(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json();
}
ordered_json optional_text(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}
ordered_json optional_count(int count) { return count == 0 ? ordered_json() : ordered_json(count); }

bool is_lossless(const std::string& syntax) {
  constexpr const char* kLossy[] = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
                                    "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"};
  return std::find(std::begin(kLossy), std::end(kLossy), syntax) == std::end(kLossy);
}

std::string display_rule(const DicomInfo& info) {
  std::string rule = "min-max";
  if (info.window_center && info.window_width) {
    rule = fmt::format("window {:g}/{:g} {}", *info.window_center, *info.window_width,
                       info.voi_function.empty() ? "LINEAR" : info.voi_function);
  }
  if (info.voi_luts > 0) rule = "VOI LUT";
  const bool inverse = info.presentation_lut_shape.empty()
                           ? info.photometric == "MONOCHROME1"
                           : info.presentation_lut_shape == "INVERSE";
  return inverse ? rule + ", inverted" : rule;
}

void add_header(const DicomInfo& info, ordered_json& json) {
  json["modality"] = optional_text(info.modality);
  json["body"] = optional_text(info.body_part);
  json["view"] = optional_text(info.view_position);
  json["photometric"] = optional_text(info.photometric);
  json["rows"] = info.rows;
  json["cols"] = info.cols;
  json["bits_alloc"] = info.bits_allocated;
  json["bits_stored"] = info.bits_stored;
  json["pixrep"] = info.pixel_representation;
  json["wc"] = optional_number(info.window_center);
  json["ww"] = optional_number(info.window_width);
  json["slope"] = optional_number(info.rescale_slope);
  json["intercept"] = optional_number(info.rescale_intercept);
  json["presentation_lut"] = optional_text(info.presentation_lut_shape);
  json["voi_lut_seq"] = optional_count(info.voi_luts);
  json["modality_lut_seq"] = optional_count(info.modality_luts);
  json["ts_uid"] = optional_text(info.transfer_syntax);
  json["ts_name"] = optional_text(info.transfer_syntax_name);
}

void add_pixels(Bytes bytes, const std::string& name, const DicomInfo& info, ordered_json& json) {
  const DicomPixels stored = dicom_pixels(bytes, name);
  const auto [low, high] = std::minmax_element(stored.values.begin(), stored.values.end());
  json["min"] = stored.values.empty() ? 0 : *low;
  json["max"] = stored.values.empty() ? 0 : *high;
  // As little-endian 32-bit numbers, which is what they are in memory on every machine this is
  // built for.
  json["stored_md5"] = md5_hex(stored.values.data(), stored.values.size() * sizeof(std::int32_t));
  json["lossless"] = is_lossless(info.transfer_syntax) ? "yes" : "no";
  json["stored_mean"] = mean_of(stored.values);
  const FloatImage display = dicom_display(bytes, name);
  const double mean = mean_of(display.pixels);
  json["display_rule"] = display_rule(info);
  json["display_mean"] = mean;
  json["display_std"] = deviation_of(display.pixels, mean);
}

// The columns of a DICOM file, as a table of many files has them.
ordered_json dicom_json(Bytes bytes, const std::string& name, const DicomInfo& info) {
  ordered_json json = {{"kind", "dicom"}, {"file", name}, {"bytes", bytes.size()}};
  add_header(info, json);
  try {
    add_pixels(bytes, name, info, json);
  } catch (const Error& error) {
    json["error"] = error.what();
  }
  return json;
}

}  // namespace

ordered_json image_info(const std::filesystem::path& path) {
  const DecodeLimits limits;
  const std::string content = read_file(path, static_cast<std::uint64_t>(limits.max_file_bytes));
  const Bytes bytes = std::as_bytes(std::span(content));
  const ImageInfo info = probe_image(bytes, path.string(), limits);
  if (info.dicom) return dicom_json(bytes, path.string(), *info.dicom);
  const GreyImage grey = decode_grey(bytes, path.string(), limits);
  const auto [low, high] = std::minmax_element(grey.pixels.begin(), grey.pixels.end());
  return {{"kind", "image"},
          {"file", path.string()},
          {"bytes", content.size()},
          {"format", format_name(info.format)},
          {"rows", grey.rows},
          {"cols", grey.cols},
          {"channels", info.channels},
          {"bit_depth", info.bit_depth},
          {"min", *low},
          {"max", *high},
          {"mean_grey", mean_of(grey.pixels)},
          {"md5_grey", md5_hex(grey.pixels.data(), grey.pixels.size())}};
}

}  // namespace biplane::cli
