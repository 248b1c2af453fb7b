#include "biplane/tasks/ablation_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "biplane/eval/report_html.h"
#include "biplane/eval/report_plots.h"

namespace biplane {
namespace {

constexpr double kLabels = 190, kPanel = 236, kGap = 24, kRow = 20, kHead = 58, kFoot = 26;
constexpr const char* kStyle =
    "<style>text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#1b2430}.q{fill:#5d6b7c;"
    "font-size:11px}.t{font-size:15px;font-weight:600}.b{font-weight:600}.g{stroke:#dde3ea}"
    ".z{stroke:#5d6b7c;stroke-dasharray:2 3}.w{stroke:#1f5fa8;stroke-width:2}"
    ".f{fill:#1f5fa8;stroke:#1f5fa8}.h{fill:#fff;stroke:#1f5fa8;stroke-width:1.6}</style>";

// Where the values of one panel go.
struct Scale {
  double left = 0, low = -0.01, high = 0.01;
  double x(double value) const { return left + kPanel * (value - low) / (high - low); }
};

Scale panel_scale(const ForestFigure& figure, std::size_t panel) {
  Scale scale;
  scale.left = kLabels + static_cast<double>(panel) * (kPanel + kGap);
  for (const ForestGroup& group : figure.groups) {
    for (const ForestRow& row : group.rows) {
      if (!row.estimates[panel]) continue;
      scale.low = std::min(scale.low, row.estimates[panel]->low);
      scale.high = std::max(scale.high, row.estimates[panel]->high);
    }
  }
  const double margin = 0.05 * (scale.high - scale.low);
  scale.low -= margin;
  scale.high += margin;
  return scale;
}

std::string text(double x, double y, const std::string& css, const std::string& content,
                 const char* anchor = "start") {
  return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>",
                     css, x, y, anchor, html_escape(content));
}

std::string vertical(const char* css, double x, double y1, double y2) {
  return fmt::format("<line class=\"{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
                     css, x, x, y1, y2);
}

std::string mark(const Scale& scale, const Estimate& estimate, double y) {
  return fmt::format(
      "<line class=\"w\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
      "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.6\"/>",
      scale.x(estimate.low), scale.x(estimate.high), y, y, estimate.touches(0) ? "h" : "f",
      scale.x(estimate.value), y);
}

std::string axes(const ForestFigure& figure, const std::vector<Scale>& scales, double bottom) {
  constexpr int kTicks = 3;
  std::string svg;
  for (std::size_t panel = 0; panel < scales.size(); ++panel) {
    const Scale& scale = scales[panel];
    svg += text(scale.left, kHead - 10, "b", figure.panels[panel]);
    for (const double tick : round_ticks(scale.low, scale.high, kTicks)) {
      svg += vertical("g", scale.x(tick), kHead, bottom);
      svg += text(scale.x(tick), bottom + 15, "q", number_text(tick, 2, tick != 0), "middle");
    }
    svg += vertical("z", scale.x(0), kHead, bottom);
  }
  return svg;
}

}  // namespace

std::string forest_svg(const ForestFigure& figure) {
  std::vector<Scale> scales;
  for (std::size_t panel = 0; panel < figure.panels.size(); ++panel)
    scales.push_back(panel_scale(figure, panel));
  std::string rows;
  double y = kHead;
  for (const ForestGroup& group : figure.groups) {
    if (group.rows.empty()) continue;
    y += kRow;
    rows += text(8, y - 5, "b", group.title);
    for (const ForestRow& row : group.rows) {
      y += kRow;
      rows += text(16, y - 6, "r", row.label);
      for (std::size_t panel = 0; panel < scales.size(); ++panel) {
        if (row.estimates[panel]) {
          rows += mark(scales[panel], *row.estimates[panel], y - 10);
        } else {
          rows += text(scales[panel].left, y - 6, "q", "no figure");
        }
      }
    }
  }
  const double width = kLabels + static_cast<double>(scales.size()) * (kPanel + kGap);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" role=\"img\">{2}<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
      width, y + kFoot, kStyle);
  svg += text(8, 22, "t", figure.title) + axes(figure, scales, y) + rows;
  return svg + "</svg>\n";
}

}  // namespace biplane
