#include "biplane/phantom/preview.h"

#include <algorithm>
#include <array>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/formats/rle.h"
#include "biplane/imaging/drawing.h"
#include "biplane/imaging/heatmap.h"

namespace biplane {
namespace {

// Colours that differ well on grey, one a finding in the order of the study's masks.
constexpr std::array<Colour, 6> kColours = {
    {{255, 196, 0}, {0, 200, 255}, {255, 90, 90}, {120, 230, 90}, {230, 120, 255}, {255, 150, 60}}};

RgbImage draw_view(const PhantomStudy& made, bool lateral, const PreviewOptions& preview) {
  RgbImage tile = to_rgb(lateral ? made.lateral : made.frontal);
  if (!preview.outline) return tile;
  std::size_t colour = 0;
  std::string last;
  for (const Mask& mask : made.study.masks) {
    if (!last.empty() && mask.label != last) ++colour;
    last = mask.label;
    const View& view = made.study.views[static_cast<std::size_t>(mask.view)];
    if (is_frontal(view.view) == lateral) continue;
    draw_mask_outline(tile, decode_rle(mask.rle, mask.rows, mask.cols),
                      kColours[colour % kColours.size()]);
  }
  return tile;
}

}  // namespace

RgbImage phantom_preview(const PhantomOptions& options, const PreviewOptions& preview) {
  check_phantom(options);
  if (preview.studies < 1 || preview.columns < 1)
    throw Error(ErrorKind::kUsage, "phantom: a preview needs 1 or more studies and columns");
  const PhantomCounts counts = phantom_counts(options);
  const std::int64_t first = counts.test > 0 ? options.studies - counts.test : 0;
  const std::int64_t shown = std::min(preview.studies, options.studies - first);
  const std::int64_t columns = std::min(preview.columns, shown),
                     rows = (shown + columns - 1) / columns;
  constexpr int kGap = 4;
  const int side = static_cast<int>(options.size), cell = 2 * side + kGap;
  RgbImage sheet =
      make_rgb(static_cast<int>(rows) * (side + kGap), static_cast<int>(columns) * cell);
  parallel_for(shown, resolve_threads(options.threads), [&](std::int64_t i) {
    const PhantomStudy made = make_phantom_study(options, first + i);
    const int top = static_cast<int>(i / columns) * (side + kGap),
              left = static_cast<int>(i % columns) * cell;
    if (made.has_frontal) place_image(draw_view(made, false, preview), top, left, sheet);
    if (made.has_lateral) place_image(draw_view(made, true, preview), top, left + side, sheet);
  });
  return sheet;
}

}  // namespace biplane
