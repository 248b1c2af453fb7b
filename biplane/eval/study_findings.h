#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "biplane/corpus/study.h"
#include "biplane/text/labeler.h"

namespace biplane {

// What a study shows by its truth and by its report; free of LibTorch.

// The patient's side of a finding; untold where it is in the middle or on both sides, too.
enum class FindingSide { kUntold, kRight, kLeft };

// What is there, and on which side.
using StudyFindings = std::map<std::string, FindingSide>;

// The side by the masks of a finding, or its boxes where it has none, in the first frontal, where
// the patient's right stands on the left: at least nine tenths of what is marked lie on one half of
// the image, and their centre at least a tenth of its width from the middle.
FindingSide marked_side(const Study& study, const std::string& finding);

// The findings that are labelled as present. Nothing where a label is uncertain or none is known.
std::optional<StudyFindings> true_findings(const Study& study);

// Whether masks and boxes tell of all that is there where it is (places_known()).
bool sides_told(const Study& study, const StudyFindings& findings);

// How many there are, without labels that say that there is none ("No Finding", "normal").
std::int64_t count_findings(const StudyFindings& findings);

// What the report says is there, also with doubt, of the labeller's labels; the side where the
// sentences that say so name one side alone. English reports.
StudyFindings read_findings(const Study& study, const Labeler& labeler);

// How far two differ: 2 for each finding that only one of them has, 1 for each that one has on the
// right and the other on the left.
std::int64_t disagreement(const StudyFindings& a, const StudyFindings& b);

}  // namespace biplane
