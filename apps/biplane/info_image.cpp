#include <algorithm>
#include <numeric>
#include <span>

#include "apps/biplane/info.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/md5.h"
#include "biplane/imaging/decode.h"

namespace biplane::cli {
namespace {

using nlohmann::ordered_json;
using Bytes = std::span<const std::byte>;

ordered_json optional_number(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json();
}
ordered_json optional_text(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}
ordered_json optional_count(int count) { return count == 0 ? ordered_json() : ordered_json(count); }

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

void add_pixels(const DicomStatistics& statistics, ordered_json& json) {
  json["min"] = statistics.minimum;
  json["max"] = statistics.maximum;
  json["stored_md5"] = statistics.stored_md5;
  json["lossless"] = statistics.lossless ? "yes" : "no";
  json["stored_mean"] = statistics.stored_mean;
  json["modality_rule"] = statistics.modality_rule;
  json["display_rule"] = statistics.display_rule;
  json["display_mean"] = statistics.display_mean;
  json["display_std"] = statistics.display_std;
}

ordered_json note_of(const DicomInfo& info) {
  if (!info.syntax_guessed) return {};
  const bool implicit = info.transfer_syntax == "1.2.840.10008.1.2";
  return "no file meta: " + (implicit ? "implicit little endian" : info.transfer_syntax_name) +
         " assumed";
}

// The columns of a DICOM file, as a table of many files has them.
ordered_json dicom_json(Bytes bytes, const std::string& name, const DicomInfo& info) {
  ordered_json json = {{"kind", "dicom"}, {"file", name}, {"bytes", bytes.size()}};
  add_header(info, json);
  json["note"] = note_of(info);
  try {
    add_pixels(dicom_statistics(bytes, name), json);
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
  const double mean = std::accumulate(grey.pixels.begin(), grey.pixels.end(), 0.0) /
                      static_cast<double>(grey.pixels.size());
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
          {"mean_grey", mean},
          {"md5_grey", md5_hex(std::as_bytes(std::span(grey.pixels)))}};
}

}  // namespace biplane::cli
