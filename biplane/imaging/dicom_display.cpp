#include "biplane/imaging/dicom_display.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace biplane {
namespace {

std::uint16_t look_up(const LookupTable& table, double input) {
  const double last = static_cast<double>(table.entries.size()) - 1;
  const double position = std::clamp(std::floor(input) - table.first, 0.0, last);
  return table.entries[static_cast<std::size_t>(position)];
}

void apply_modality(const DisplayRule& rule, const DicomPixels& pixels, std::vector<double>& values) {
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

}  // namespace biplane
