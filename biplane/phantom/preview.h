#pragma once

#include <cstdint>
#include <string>

#include "biplane/imaging/image.h"
#include "biplane/phantom/phantom.h"

namespace biplane {

struct PreviewOptions {
  std::int64_t studies = 24;  // the first ones of the test split, else of all
  std::int64_t columns = 4;   // studies side by side, each as frontal and lateral
  bool outline = true;        // draw the outlines of the findings' masks, a colour each
};

// Contact sheet: both views of some studies with the findings outlined, below each its findings
// with the views that show them and its report, at the end the colours. One picture, or a page that
// stands alone (`columns` does not bind it). Throws Error kUsage for options that
// check_phantom refuses and for a preview of nothing.
RgbImage phantom_preview(const PhantomOptions& options, const PreviewOptions& preview = {});
std::string phantom_preview_html(const PhantomOptions& options, const PreviewOptions& preview = {});

}  // namespace biplane
