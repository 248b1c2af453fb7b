#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"

namespace biplane {

// Which studies of a manifest a program works on. Two filters that differ in `invert` alone part
// the studies of their split exactly in two: what was trained on and "all others".
struct StudyFilter {
  std::string split;            // train, validate, test; empty or "all": every split
  bool require_both = false;    // at least one frontal and one lateral view
  bool require_report = false;  // report.text is not empty
  std::int64_t limit = 0;       // of those, only the first N by study_id in byte order; 0: all
  bool invert = false;          // instead: the studies of the split that the above leaves out

  // Keys split, views (any | both), report (any | required), limit, invert:
  // "split=train,views=both,limit=16", as --select and --exclude take it (--exclude is the same
  // with invert). Throws Error kUsage naming the key.
  static StudyFilter parse(const std::string& text);
};

bool has_frontal(const Study& study);
bool has_lateral(const Study& study);

// Place in study.views of the image that evaluation shows a model: the first frontal or the first
// lateral. Nothing if there is none.
std::optional<std::int64_t> first_view(const Study& study, bool lateral);

// Indices into the manifest, ascending. Those of `without` (ascending) are as good as not in the
// manifest. Throws Error kUsage for an unknown split or a negative limit.
std::vector<std::int64_t> select_studies(const Manifest& manifest, const StudyFilter& filter,
                                         const std::vector<std::int64_t>& without = {});

}  // namespace biplane
