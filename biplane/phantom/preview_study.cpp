#include "biplane/phantom/preview_study.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/formats/rle.h"

namespace biplane {
namespace {

RgbImage draw_view(const PhantomStudy& made, bool lateral, bool outline) {
  if (!(lateral ? made.has_lateral : made.has_frontal)) return {};
  RgbImage tile = to_rgb(lateral ? made.lateral : made.frontal);
  if (!outline) return tile;
  const auto& names = finding_names();
  for (const Mask& mask : made.study.masks) {
    const View& view = made.study.views[static_cast<std::size_t>(mask.view)];
    if (is_frontal(view.view) == lateral) continue;
    const auto kind = std::find(names.begin(), names.end(), mask.label) - names.begin();
    draw_mask_outline(tile, decode_rle(mask.rle, mask.rows, mask.cols),
                      finding_colour(static_cast<FindingKind>(kind)));
  }
  return tile;
}

}  // namespace

std::vector<PreviewStudy> preview_studies(const PhantomOptions& options,
                                          const PreviewOptions& preview) {
  check_phantom(options);
  if (preview.studies < 1 || preview.columns < 1)
    throw Error(ErrorKind::kUsage, "phantom: a preview needs 1 or more studies and columns");
  const PhantomCounts counts = phantom_counts(options);
  const std::int64_t first = counts.test > 0 ? options.studies - counts.test : 0;
  std::vector<PreviewStudy> studies(
      static_cast<std::size_t>(std::min(preview.studies, options.studies - first)));
  parallel_for(static_cast<std::int64_t>(studies.size()), resolve_threads(options.threads),
               [&](std::int64_t i) {
                 PreviewStudy& study = studies[static_cast<std::size_t>(i)];
                 study.made = make_phantom_study(options, first + i);
                 study.frontal = draw_view(study.made, false, preview.outline);
                 study.lateral = draw_view(study.made, true, preview.outline);
               });
  return studies;
}

Colour finding_colour(FindingKind kind) {
  static constexpr std::array<Colour, kFindingKinds> kColours = {{{255, 196, 0},
                                                                  {0, 200, 255},
                                                                  {255, 90, 90},
                                                                  {120, 230, 90},
                                                                  {200, 110, 255},
                                                                  {255, 150, 60},
                                                                  {90, 150, 255},
                                                                  {0, 230, 180},
                                                                  {255, 130, 190},
                                                                  {200, 220, 60},
                                                                  {140, 130, 255},
                                                                  {255, 235, 130},
                                                                  {130, 235, 235},
                                                                  {255, 60, 200},
                                                                  {60, 190, 110},
                                                                  {255, 180, 160},
                                                                  {160, 200, 255}}};
  return kColours[static_cast<std::size_t>(kind)];
}

std::vector<PreviewFinding> findings_of(const Study& study) {
  std::vector<PreviewFinding> findings;
  const auto& names = finding_names();
  for (std::size_t k = 0; k < names.size(); ++k) {
    if (study.labels.at(names[k]) != 1) continue;
    PreviewFinding finding{static_cast<FindingKind>(k), ""};
    for (const std::string& view : study.visible_in.at(names[k]))
      finding.seen += (finding.seen.empty() ? "" : ", ") + view;
    if (finding.seen.empty()) finding.seen = "not visible";
    findings.push_back(finding);
  }
  return findings;
}

std::string preview_title(const Study& study) {
  std::string title = study.study_id + ": " + study.sex + ", " +
                      std::to_string(std::lround(study.age.value_or(0))) + " years";
  for (const View& view : study.views)
    if (is_frontal(view.view)) title += std::string(", ") + view_name(view.view);
  return title;
}

}  // namespace biplane
