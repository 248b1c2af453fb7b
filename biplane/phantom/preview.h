#pragma once

#include <cstdint>

#include "biplane/imaging/image.h"
#include "biplane/phantom/phantom.h"

namespace biplane {

struct PreviewOptions {
  std::int64_t studies = 24;  // the first ones of the test split, else of all
  std::int64_t columns = 4;   // studies side by side, each as frontal and lateral
  bool outline = true;        // draw the outlines of the findings' masks, a colour each
};

// Contact sheet: both views of some studies in one image.
RgbImage phantom_preview(const PhantomOptions& options, const PreviewOptions& preview = {});

}  // namespace biplane
