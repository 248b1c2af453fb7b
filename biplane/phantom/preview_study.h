#pragma once

#include <string>
#include <vector>

#include "biplane/imaging/heatmap.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/preview.h"

namespace biplane {

// One study of a contact sheet.
struct PreviewStudy {
  PhantomStudy made;
  RgbImage frontal, lateral;  // with outlines; empty for a view that was not taken
};

// Throws Error kUsage, see phantom_preview.
std::vector<PreviewStudy> preview_studies(const PhantomOptions& options,
                                          const PreviewOptions& preview);

// A colour for each kind of finding, of equal lightness on grey.
Colour finding_colour(FindingKind kind);

struct PreviewFinding {
  FindingKind kind = FindingKind::kPleuralEffusion;
  std::string seen;  // "frontal, lateral", or "not visible"
};
std::vector<PreviewFinding> findings_of(const Study& study);

// "phantom0-test-s000012: F, 61 years, PA"
std::string preview_title(const Study& study);

}  // namespace biplane
