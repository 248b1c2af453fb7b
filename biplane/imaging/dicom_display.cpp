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

// PS3.3 C.11.2.1.2 and C.11.2.1.3.
double window(const DisplayRule& rule, double x) {
  const double center = *rule.center, width = *rule.width;
  if (rule.function == "SIGMOID") return 1 / (1 + std::exp(-4 * (x - center) / width));
  const bool exact = rule.function == "LINEAR_EXACT";
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

// What every stored value from `first` on is shown as. There are at most 65,536 of them and
// millions of pixels, so that the whole rule is a table of its own.
struct DisplayTable {
  std::int32_t first = 0;
  FloatImage shown;  // (1, values)
};

// Which of `count` values from `first` on some pixel has, pixel padding left out.
std::vector<bool> values_used(const DicomPixels& pixels, const DisplayRule& rule,
                              std::int32_t first, std::size_t count) {
  std::vector<char> found(count, 0);
  for (const std::int32_t value : pixels.values) found[static_cast<std::size_t>(value - first)] = 1;
  std::vector<bool> used(found.begin(), found.end());
  for (std::size_t i = 0; i < count && rule.padding; ++i) {
    const std::int32_t stored = first + static_cast<std::int32_t>(i);
    if (stored >= rule.padding->first && stored <= rule.padding->last) used[i] = false;
  }
  return used;
}

// All of an image that is nothing but padding count as measured.
void stretch(std::vector<double>& values, const std::vector<bool>& used) {
  const bool any = std::find(used.begin(), used.end(), true) != used.end();
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (any && !used[i]) continue;
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  const double range = high > low ? high - low : 1;
  for (double& value : values) value = std::clamp((value - low) / range, 0.0, 1.0);
}

DisplayTable table_of(const DicomPixels& pixels, const DisplayRule& rule) {
  DisplayTable table;
  const auto [least, most] = std::minmax_element(pixels.values.begin(), pixels.values.end());
  table.first = *least;
  const auto count = static_cast<std::size_t>(std::int64_t{*most} - *least + 1);
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double stored = table.first + static_cast<double>(i);
    values[i] = rule.modality_lut ? look_up(*rule.modality_lut, stored)
                                  : stored * rule.slope + rule.intercept;
  }
  if (rule.voi_lut) {
    const double full = std::exp2(rule.voi_lut->bits) - 1;
    for (double& value : values) value = std::min(1.0, look_up(*rule.voi_lut, value) / full);
  } else if (window_usable(rule)) {
    for (double& value : values) value = window(rule, value);
  } else {
    stretch(values, values_used(pixels, rule, table.first, count));
  }
  table.shown = make_float(1, static_cast<int>(count));
  for (std::size_t i = 0; i < count; ++i)
    table.shown.pixels[i] = static_cast<float>(rule.inverted ? 1 - values[i] : values[i]);
  return table;
}

template <class Pixel>
void look_up_all(const DicomPixels& pixels, std::int32_t first, const std::vector<Pixel>& shown,
                 std::vector<Pixel>& out) {
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = shown[static_cast<std::size_t>(pixels.values[i] - first)];
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

std::string DisplayRule::modality_text() const {
  if (modality_lut) return "modality LUT";
  if (slope == 1 && intercept == 0) return "none";
  return fmt::format("rescale {:g}/{:g}", slope, intercept);
}

FloatImage apply_display(const DicomPixels& pixels, const DisplayRule& rule) {
  const DisplayTable table = table_of(pixels, rule);
  FloatImage image = make_float(pixels.rows, pixels.cols);
  look_up_all(pixels, table.first, table.shown.pixels, image.pixels);
  return image;
}

GreyImage apply_display_grey(const DicomPixels& pixels, const DisplayRule& rule) {
  const DisplayTable table = table_of(pixels, rule);
  GreyImage image = make_grey(pixels.rows, pixels.cols);
  look_up_all(pixels, table.first, to_grey(table.shown).pixels, image.pixels);
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
  statistics.modality_rule = decoded.rule.modality_text();
  statistics.display_rule = decoded.rule.text();
  const double mean = mean_of(display.pixels);
  statistics.display_mean = mean;
  double squares = 0;
  for (const float value : display.pixels) squares += (value - mean) * (value - mean);
  statistics.display_std = std::sqrt(squares / static_cast<double>(display.pixels.size()));
  return statistics;
}

}  // namespace biplane
