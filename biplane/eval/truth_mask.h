#pragma once

#include <cstdint>
#include <string>
#include <tuple>
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

// What one query of a view looks for: a finding, or of it what words of a report show (MS-CXR).
struct Mark {
  std::string finding;
  std::string phrase = {};  // of its boxes; empty: all that is marked of the finding

  bool operator<(const Mark& other) const {
    return std::tie(finding, phrase) < std::tie(other.finding, other.phrase);
  }
};

// In byte order. A finding whose boxes have phrases is one mark for each of them, and without a
// phrase only where something else of it is marked, too.
std::vector<Mark> marks_of(const Study& study, std::int64_t view);

// As truth_mask(); of a phrase the union of its boxes.
std::vector<std::uint8_t> mark_mask(const Study& study, std::int64_t view, const Mark& mark,
                                    const PreprocessOptions& options);

}  // namespace biplane
