#include "biplane/eval/report_plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "biplane/eval/report_html.h"

namespace biplane {
namespace {

constexpr std::size_t kMostPoints = 160;  // of a curve

// Maps data to pixels of a drawing.
struct Frame {
  double left = 34, top = 8, width = 180, height = 150;  // of the plot area, pixels
  double x0 = 0, x1 = 1, y0 = 0, y1 = 1;                 // data at its edges

  double x(double value) const { return left + width * (value - x0) / (x1 - x0); }
  double y(double value) const { return top + height * (1 - (value - y0) / (y1 - y0)); }
};

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (value == 0) return "0";
  if (size >= 10000) return fmt::format("{:g}k", value / 1000);
  if (size < 0.001) return fmt::format("{:.0e}", value);
  return fmt::format("{:.4g}", value);
}

std::string grid(const Frame& frame, std::span<const double> x_ticks,
                 std::span<const double> y_ticks) {
  std::string svg;
  const double bottom = frame.top + frame.height, right = frame.left + frame.width;
  for (const double tick : y_ticks) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
        frame.left, right, frame.y(tick), frame.y(tick));
    svg +=
        fmt::format("<text class=\"tick\" text-anchor=\"end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
                    frame.left - 5, frame.y(tick) + 3.5, tick_text(tick));
  }
  for (const double tick : x_ticks) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
        frame.x(tick), frame.x(tick), frame.top, bottom);
    svg += fmt::format(
        "<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
        frame.x(tick), bottom + 13, tick_text(tick));
  }
  return svg;
}

std::string polyline(const Frame& frame, std::span<const CurvePoint> points,
                     const std::string& css) {
  std::string path;
  for (const CurvePoint& point : points)
    path += fmt::format("{:.1f},{:.1f} ", frame.x(point.x), frame.y(point.y));
  return fmt::format("<polyline class=\"line {}\" points=\"{}\"/>", html_escape(css), path);
}

std::string drawing(double width, double height, const std::string& title,
                    const std::string& content) {
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">{}</svg>",
                     width, height, html_escape(title), content);
}

std::vector<CurvePoint> reduced(const std::vector<CurvePoint>& points) {
  if (points.size() <= kMostPoints) return points;
  std::vector<CurvePoint> means;
  for (std::size_t piece = 0; piece < kMostPoints; ++piece) {
    const std::size_t begin = piece * points.size() / kMostPoints,
                      end = (piece + 1) * points.size() / kMostPoints;
    CurvePoint sum;
    for (std::size_t i = begin; i < end; ++i) {
      sum.x += points[i].x;
      sum.y += points[i].y;
    }
    const double count = static_cast<double>(end - begin);
    means.push_back({sum.x / count, sum.y / count});
  }
  return means;
}

// Points of a curve whose ends count: every so many, and the last one.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points) {
  const std::size_t step = points.size() / kMostPoints + 1;
  std::vector<CurvePoint> some;
  for (std::size_t i = 0; i < points.size(); i += step) some.push_back(points[i]);
  if ((points.size() - 1) % step != 0) some.push_back(points.back());
  return some;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  if (!(high > low) || count < 1) return {low};
  const double raw = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power < raw * (1 - 1e-9)) continue;
    step = factor * power;
    break;
  }
  std::vector<double> ticks;
  for (double tick = std::ceil(low / step - 1e-9) * step; tick <= high + 1e-9 * step;
       tick += step) {
    ticks.push_back(std::abs(tick) < 1e-9 * step ? 0.0 : tick);
  }
  // A single tick gives no scale.
  return ticks.size() < 2 && count < 8 ? round_ticks(low, high, count + 1) : ticks;
}

std::string roc_plot(const FindingCurves& finding) {
  const Frame frame{34, 8, 170, 170, 0, 1, 0, 1};
  const std::vector<double> ticks{0, 0.5, 1};
  std::string svg = grid(frame, ticks, ticks);
  const std::vector<CurvePoint> chance{{0, 0}, {1, 1}};
  svg += polyline(frame, chance, "chance");
  for (const CurveSeries& series : finding.roc) {
    if (!series.points.empty()) svg += polyline(frame, thinned(series.points), "s-" + series.name);
  }
  return drawing(212, 206, "ROC curve of " + finding.finding, svg);
}

std::string precision_recall_plot(const FindingCurves& finding) {
  const Frame frame{34, 8, 170, 170, 0, 1, 0, 1};
  const std::vector<double> ticks{0, 0.5, 1};
  const double share = finding.studies > 0 ? static_cast<double>(finding.positives) /
                                                 static_cast<double>(finding.studies)
                                           : 0;
  const std::vector<CurvePoint> chance{{0, share}, {1, share}};
  std::string svg = grid(frame, ticks, ticks) + polyline(frame, chance, "chance");
  for (const CurveSeries& series : finding.precision_recall)
    if (!series.points.empty()) svg += polyline(frame, thinned(series.points), "s-" + series.name);
  return drawing(212, 206, "Precision and recall of " + finding.finding, svg);
}

std::string reliability_plot(const FindingReliability& finding) {
  const Frame frame{34, 8, 170, 170, 0, 1, 0, 1};
  const std::vector<double> ticks{0, 0.5, 1};
  const std::vector<CurvePoint> diagonal{{0, 0}, {1, 1}};
  std::string svg = grid(frame, ticks, ticks) + polyline(frame, diagonal, "chance");
  for (const CurveSeries& series : finding.series)
    if (!series.points.empty()) svg += polyline(frame, series.points, "s-both");
  return drawing(212, 206, "Reliability of " + finding.finding, svg);
}

std::string learning_plot(const CurveSeries& series) {
  const std::vector<CurvePoint> points = reduced(series.points);
  if (points.empty()) return {};
  Frame frame{44, 8, 220, 110, points.front().x, points.back().x, 0, 1};
  const auto [low, high] = std::minmax_element(
      points.begin(), points.end(), [](const auto& a, const auto& b) { return a.y < b.y; });
  frame.y0 = std::min(0.0, low->y);
  frame.y1 = high->y > frame.y0 ? high->y : frame.y0 + 1;
  if (low->y > 0 && low->y > 0.6 * high->y && high->y > low->y)
    frame.y0 = low->y - 0.1 * (high->y - low->y);  // far from zero
  if (frame.x1 <= frame.x0) frame.x1 = frame.x0 + 1;
  std::string svg =
      grid(frame, round_ticks(frame.x0, frame.x1, 3), round_ticks(frame.y0, frame.y1, 3));
  svg += polyline(frame, points, "s-learning");
  return drawing(276, 138, series.name + " over training steps", svg);
}

std::string interval_plot(std::span<const IntervalMark> marks, const IntervalAxis& axis) {
  constexpr double kLine = 8;
  const double height = kLine * static_cast<double>(marks.size()) + 4;
  const Frame frame{2, 0, 136, height, axis.low, axis.high, 0, 1};
  const auto place = [&](double value) { return frame.x(std::clamp(value, axis.low, axis.high)); };
  std::string svg = fmt::format(
      "<line class=\"reference\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"0\" y2=\"{1:.0f}\"/>",
      place(axis.reference), height);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const double y = 2 + kLine * (static_cast<double>(i) + 0.5);
    const IntervalMark& mark = marks[i];
    if (mark.low && mark.high) {
      svg += fmt::format(
          "<line class=\"whisker s-{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
          html_escape(mark.column), place(*mark.low), place(*mark.high), y, y);
    }
    svg += fmt::format("<circle class=\"dot s-{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>",
                       html_escape(mark.column), place(mark.value), y);
  }
  return drawing(140, height, "values with 95 % intervals", svg);
}

}  // namespace biplane
