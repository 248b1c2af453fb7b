#include "biplane/phantom/preview.h"

#include <algorithm>

#include "biplane/imaging/drawing.h"
#include "biplane/phantom/preview_study.h"

namespace biplane {
namespace {

constexpr int kGap = 10;  // pixels between studies
constexpr Colour kQuiet{140, 150, 160};

struct Line {
  std::string text;
  TextStyle style;
};

// Breaks a text at blanks into lines of at most `width` pixels; a longer word has its own line.
void add_wrapped(const std::string& text, int width, const TextStyle& style,
                 std::vector<Line>& lines) {
  std::string line;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    const std::string longer = line.empty() ? word : line + " " + word;
    if (!line.empty() && text_width(longer, style) > width) {
      lines.push_back({line, style});
      line = word;
    } else {
      line = longer;
    }
  }
  if (!line.empty()) lines.push_back({line, style});
}

std::string spoken(FindingKind kind) {
  std::string name = finding_name(kind);
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// Dots are one pixel on small films and grow with them.
int text_scale(const PhantomOptions& options) {
  return std::max(1, static_cast<int>(options.size) / 256);
}

int line_height(int scale) { return (kTextRows + 3) * scale; }

std::vector<Line> caption(const Study& study, int width, int scale) {
  std::vector<Line> lines;
  add_wrapped(preview_title(study), width, {kQuiet, scale}, lines);
  for (const PreviewFinding& finding : findings_of(study))
    add_wrapped(spoken(finding.kind) + " (" + finding.seen + ")", width,
                {finding_colour(finding.kind), scale}, lines);
  if (findings_of(study).empty()) lines.push_back({"no finding", {kQuiet, scale}});
  add_wrapped(study.report.text, width, {TextStyle{}.colour, scale}, lines);
  return lines;
}

// The colours in rows, as many in each as fit.
struct LegendEntry {
  FindingKind kind;
  TextPlace place;
};

std::vector<LegendEntry> legend(int width, int scale, int* height) {
  std::vector<LegendEntry> entries;
  TextPlace place;
  for (int k = 0; k < kFindingKinds; ++k) {
    const FindingKind kind = static_cast<FindingKind>(k);
    const int wide = text_width(spoken(kind), {{}, scale}) + 2 * kGap * scale;
    if (place.left > 0 && place.left + wide > width) place = {place.top + line_height(scale), 0};
    entries.push_back({kind, place});
    place.left += wide;
  }
  *height = place.top + line_height(scale);
  return entries;
}

}  // namespace

RgbImage phantom_preview(const PhantomOptions& options, const PreviewOptions& preview) {
  const std::vector<PreviewStudy> studies = preview_studies(options, preview);
  const int side = static_cast<int>(options.size), film = 2 * side, scale = text_scale(options);
  const std::size_t columns = std::min(static_cast<std::size_t>(preview.columns), studies.size());
  const int width = static_cast<int>(columns) * (film + kGap) + kGap;
  std::vector<std::vector<Line>> captions;
  for (const PreviewStudy& study : studies)
    captions.push_back(caption(study.made.study, film, scale));
  std::vector<int> tops = {kGap};  // of the rows of studies; the last one is the legend's
  for (std::size_t first = 0; first < studies.size(); first += columns) {
    std::size_t most = 0;
    for (std::size_t i = first; i < std::min(first + columns, studies.size()); ++i)
      most = std::max(most, captions[i].size());
    tops.push_back(tops.back() + side + static_cast<int>(most) * line_height(scale) + 2 * kGap);
  }
  int legend_height = 0;
  const std::vector<LegendEntry> entries = legend(width - 2 * kGap, scale, &legend_height);
  RgbImage sheet = make_rgb(tops.back() + legend_height + kGap, width);
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const int left = kGap + static_cast<int>(i % columns) * (film + kGap);
    int top = tops[i / columns];
    place_image(studies[i].frontal, top, left, sheet);
    place_image(studies[i].lateral, top, left + side, sheet);
    top += side + line_height(scale) / 3;
    for (const Line& line : captions[i]) {
      draw_text(sheet, line.text, {top, left}, line.style);
      top += line_height(scale);
    }
  }
  for (const LegendEntry& entry : entries)
    draw_text(sheet, spoken(entry.kind), {tops.back() + entry.place.top, kGap + entry.place.left},
              {finding_colour(entry.kind), scale});
  return sheet;
}

}  // namespace biplane
