#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/eval/detection_metrics.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {

// Truth of heads that tell of places in one view; what they see is the whole image.

// A rectangle of one finding.
struct FindingBox {
  std::int64_t finding = 0;  // place among the names
  DetectionBox box;          // pixels of the model's input
};

// Preprocessing that shows the whole image, `side` pixels wide, fitted as the model's own.
PreprocessOptions whole_image(const PreprocessOptions& model, std::int64_t side);

// Whether a study tells of all these findings where they are. A finding that its label calls absent
// is nowhere; of one that is marked in some view the other views show nothing. One that is said to
// be there without any mark is known only where the corpus says in which views it shows (phantom),
// and one of which neither label nor mark is there is not known.
bool places_known(const Study& study, const std::vector<std::string>& names);

// Those of `studies` (indices) that have the view and whose places are known, in order.
std::vector<std::int64_t> with_known_places(const Manifest& manifest,
                                            const std::vector<std::int64_t>& studies,
                                            const std::vector<std::string>& names, bool lateral);

// The names of the findings that masks and boxes of these studies mark in a view of the kind, in
// byte order.
std::vector<std::string> marked_names(const Manifest& manifest,
                                      const std::vector<std::int64_t>& studies, bool lateral);

// Run lengths (formats/rle.h) of each finding's truth_mask() in the first view of the kind, (side,
// side); empty masks where the study does not have the view.
std::vector<std::vector<std::int64_t>> finding_masks(const Study& study, bool lateral,
                                                     const std::vector<std::string>& names,
                                                     const PreprocessOptions& options);

// The boxes of that view, cut off at the image's sides: a finding's own, or of each of its masks
// where it has none.
std::vector<FindingBox> finding_boxes(const Study& study, bool lateral,
                                      const std::vector<std::string>& names,
                                      const PreprocessOptions& options);

}  // namespace biplane
