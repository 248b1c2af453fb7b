#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "biplane/text/labeler.h"

namespace biplane {

// A report that says one thing otherwise.
struct ReportEdit {
  std::string kind;    // negation, side, size, site
  std::string change;  // "stated to denied", "denied to stated", "right to left", "small to large"
  std::string text;
};

// Of a real English report, by rules on its words: at most one edit of each kind (of negation one
// in each direction), in the first sentence that allows it.
//   negation  "There is a" and "There are" become "There is no" and "There are no"; "No", "There is
//             no", "There are no" the other way round. Only where the labeller then reads another
//             value of a label.
//   side, size, site  a word becomes its opposite (right, left; small, large; mild, severe; upper,
//             lower; apical, basilar, ...) in a sentence that names an entity, has no negation and
//             one such word. Only where the labeller reads the same labels.
// Empty for reports in which nothing can be changed so.
std::vector<ReportEdit> edit_report(std::string_view text, const Labeler& labeler,
                                    const Lexicon& lexicon);

}  // namespace biplane
