#include "biplane/imaging/dicom_display.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "biplane/core/md5.h"

namespace biplane {
namespace {

std::uint16_t look_up(const LookupTable& table, double input) {
  const double last = static_cast<double>(table.entries.size()) - 1;
  const double position = std::clamp(std::floor(input) - table.first, 0.0, last);
  return table.entries[static_cast<std::size_t>(position)];
}

void apply_modality(const DisplayRule& rule, const DicomPixels& pixels,
                    std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double stored = pixels.values[i];
    values[i] = rule.modality_lut ? look_up(*rule.modality_lut, stored)
                                  : stored * rule.slope + rule.intercept;
  }
}

// PS3.3 C.11.2.1.2 and C.11.2.1.3.
double window(const std::string& function, double center, double width, double x) {
  if (function == "SIGMOID") return 1 / (1 + std::exp(-4 * (x - center) / width));
  const bool exact = function == "LINEAR_EXACT";
  const double c = exact ? center : center - 0.5;
  const double w = exact ? width : width - 1;
  if (x <= c - w / 2) return 0;
  if (x > c + w / 2) return 1;
  return (x - c) / w + 0.5;
}

bool window_usable(const DisplayRule& rule) {
  if (!rule.center || !rule.width || !std::isfinite(*rule.center) || !std::isfinite(*rule.width))
    return false;
  return rule.function == "LINEAR" ? *rule.width >= 1 : *rule.width > 0;
}

void apply_voi(const DisplayRule& rule, std::vector<double>& values) {
  if (rule.voi_lut) {
    const double most = std::exp2(rule.voi_lut->bits) - 1;
    for (double& value : values) value = std::min(1.0, look_up(*rule.voi_lut, value) / most);
    return;
  }
  if (window_usable(rule)) {
    for (double& value : values) value = window(rule.function, *rule.center, *rule.width, value);
    return;
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double low = *least, range = *most > *least ? *most - *least : 1;
  for (double& value : values) value = (value - low) / range;
}

static_assert(std::endian::native == std::endian::little,
              "the MD5 of stored values is of little-endian ones");

double mean_of(const auto& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::string DisplayRule::text() const {
  std::string rule = "min-max";
  if (voi_lut) {
    rule = "VOI LUT";
  } else if (window_usable(*this)) {
    rule = fmt::format("window {:g}/{:g} {}", *center, *width, function);
  }
  return inverted ? rule + ", inverted" : rule;
}

FloatImage apply_display(const DicomPixels& pixels, const DisplayRule& rule) {
  std::vector<double> values(pixels.values.size());
  apply_modality(rule, pixels, values);
  apply_voi(rule, values);
  FloatImage image = make_float(pixels.rows, pixels.cols);
  for (std::size_t i = 0; i < values.size(); ++i)
    image.pixels[i] = static_cast<float>(rule.inverted ? 1 - values[i] : values[i]);
  return image;
}

DicomPixels dicom_pixels(std::span<const std::byte> bytes, const std::string& name,
                         const DecodeLimits& limits) {
  return decode_dicom(bytes, name, limits).pixels;
}

FloatImage dicom_display(std::span<const std::byte> bytes, const std::string& name,
                         const DecodeLimits& limits) {
  const DecodedDicom decoded = decode_dicom(bytes, name, limits);
  return apply_display(decoded.pixels, decoded.rule);
}

DicomStatistics dicom_statistics(std::span<const std::byte> bytes, const std::string& name,
                                 const DecodeLimits& limits) {
  const DecodedDicom decoded = decode_dicom(bytes, name, limits);
  const FloatImage display = apply_display(decoded.pixels, decoded.rule);
  const std::vector<std::int32_t>& values = decoded.pixels.values;
  DicomStatistics statistics;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  statistics.minimum = *least;
  statistics.maximum = *most;
  statistics.stored_mean = mean_of(values);
  statistics.stored_md5 = md5_hex(std::as_bytes(std::span(values)));
  statistics.lossless = decoded.lossless;
  statistics.display_rule = decoded.rule.text();
  const double mean = mean_of(display.pixels);
  statistics.display_mean = mean;
  double squares = 0;
  for (const float value : display.pixels) squares += (value - mean) * (value - mean);
  statistics.display_std = std::sqrt(squares / static_cast<double>(display.pixels.size()));
  return statistics;
}

}  // namespace biplane
