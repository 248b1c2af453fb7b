#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/study.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {

// The truth of one finding in one view as the model sees it: (crop, crop), row-major, 1 inside. The
// union of the masks of that view and label, else of its boxes; empty where there are none. `view`:
// place in study.views.
std::vector<std::uint8_t> truth_mask(const Study& study, std::int64_t view,
                                     const std::string& finding, const PreprocessOptions& options);

// Labels of the masks and boxes of a view, in byte order.
std::vector<std::string> marked_findings(const Study& study, std::int64_t view);

}  // namespace biplane
